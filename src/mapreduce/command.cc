#include "mapreduce/command.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "mapreduce/attempt_context.h"
#include "mapreduce/child.h"

namespace torc::mapreduce {
namespace {

constexpr size_t kPipeBytes = 64u << 10;  // what a pipe holds
constexpr int kLookMs = 100;              // how late an attempt that was abandoned is noticed
constexpr size_t kLineBytesMax = 32u << 20;

/// A command under way. Whatever goes wrong with it throws AttemptFault.
class Command {
 public:
  Command(const std::string& command, const AttemptScope& scope)
      : steps_(scope.steps),
        title_(scope.assignment.attempt.task.title() + ": `" + command + "`"),
        child_(start(command, scope)) {}

  void write(std::string_view bytes) { pending_.append(bytes); }
  /// Moves bytes while there is much to be written, or (at the end) until the command has closed its output.
  template <typename Line>
  void pump(bool is_end, Line line) {
    while (is_end || pending_.size() - written_ >= kPipeBytes) {
      if (is_end && written_ == pending_.size()) child_.close_input();
      if (!wait_for_more()) break;
      write_some();
      const bool is_open = read_some(line);
      if (is_end && !is_open) break;
    }
  }
  /// Behind pump(true): how it ended.
  void end() {
    const int status = child_.wait();
    if (status != 0) throw_fault(Fault::Kind::kFailed, title_ + " ended with " + ending_of(status));
  }

 private:
  static Child start(const std::string& command, const AttemptScope& scope) {
    const Assignment& assignment = scope.assignment;
    Child::Options options;
    options.argv = {"/bin/sh", "-c", command};
    options.has_pipes = true;
    options.dies_with_us = true;
    options.has_own_group = true;
    options.environment["TORC_MAPREDUCE_JOB"] = assignment.job;
    options.environment["TORC_MAPREDUCE_TASK"] = assignment.attempt.task.text();
    if (assignment.attempt.task.kind == TaskKind::kMap) {
      options.environment["TORC_MAPREDUCE_INPUT"] = assignment.plan->splits[assignment.attempt.task.index].name;
    }
    Result<Child> child = Child::start(options);
    if (!child) throw_fault(Fault::Kind::kFailed, child.error().message);
    return std::move(child).value();
  }

  /// Until the command takes or gives something. False if it does neither any more.
  bool wait_for_more() {
    for (;;) {
      throw_if_stopped(steps_);
      pollfd polled[2];
      nfds_t count = 0;
      if (is_readable_) polled[count++] = {child_.output(), POLLIN, 0};
      if (child_.input() >= 0 && written_ < pending_.size()) polled[count++] = {child_.input(), POLLOUT, 0};
      if (count == 0) return false;
      const int ready = ::poll(polled, count, kLookMs);
      if (ready > 0) return true;
      if (ready < 0 && errno != EINTR) throw_fault(Fault::Kind::kFailed, title_ + ": " + std::strerror(errno));
    }
  }
  void write_some() {
    while (child_.input() >= 0 && written_ < pending_.size()) {
      const ssize_t count = ::write(child_.input(), pending_.data() + written_, pending_.size() - written_);
      if (count >= 0) {
        written_ += static_cast<size_t>(count);
        steps_.step();
      } else if (errno == EPIPE) {
        child_.close_input();  // it wants no more, as `head` does
      } else if (errno == EAGAIN) {
        break;
      } else if (errno != EINTR) {
        throw_fault(Fault::Kind::kFailed, title_ + ": " + std::strerror(errno));
      }
    }
    if (child_.input() < 0) written_ = pending_.size();
    if (written_ < pending_.size()) return;
    pending_.clear();
    written_ = 0;
  }
  /// False at the end of its output.
  template <typename Line>
  bool read_some(Line line) {
    char block[kPipeBytes];
    while (is_readable_) {
      const ssize_t count = ::read(child_.output(), block, sizeof block);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0 && errno == EAGAIN) return true;
      if (count < 0) throw_fault(Fault::Kind::kFailed, title_ + ": " + std::strerror(errno));
      if (count == 0) is_readable_ = false;
      steps_.step();
      take_lines({block, static_cast<size_t>(count)}, line);
    }
    if (!rest_.empty()) line(std::exchange(rest_, {}));
    return false;
  }
  template <typename Line>
  void take_lines(std::string_view bytes, Line line) {
    for (size_t end; (end = bytes.find('\n')) != std::string_view::npos; bytes.remove_prefix(end + 1)) {
      if (rest_.empty()) {
        line(bytes.substr(0, end));
      } else {
        rest_.append(bytes.substr(0, end));
        line(std::exchange(rest_, {}));
      }
    }
    rest_.append(bytes);
    if (rest_.size() > kLineBytesMax) throw_fault(Fault::Kind::kFailed, title_ + " writes a line that is too long");
  }

  Steps& steps_;
  std::string title_;
  Child child_;
  std::string pending_;
  size_t written_ = 0;  // of pending_
  bool is_readable_ = true;
  std::string rest_;  // of the output: a line whose end has not come yet
};

class CommandMapper final : public Mapper {
 public:
  CommandMapper(const std::string& command, const AttemptScope& scope) : command_(command, scope) {}
  void map(const Record& record, Emitter& out) override {
    if (!record.key.empty()) {
      command_.write(record.key);
      command_.write("\t");
    }
    command_.write(record.text);
    command_.write("\n");
    pump(false, out);
  }
  void finish(Emitter& out) override {
    pump(true, out);
    command_.end();
  }

 private:
  void pump(bool is_end, Emitter& out) {
    command_.pump(is_end, [&](std::string_view line) {
      const size_t tab = line.find('\t');
      out.emit_bytes(line.substr(0, tab), tab == std::string_view::npos ? std::string_view() : line.substr(tab + 1));
    });
  }
  Command command_;
};

class CommandReducer final : public Reducer {
 public:
  CommandReducer(const std::string& command, const AttemptScope& scope) : command_(command, scope) {}
  void reduce(std::string_view key, Values& values, Emitter& out) override {
    while (const std::optional<std::string_view> value = values.next_bytes()) {
      command_.write(key);
      if (!value->empty()) {
        command_.write("\t");
        command_.write(*value);
      }
      command_.write("\n");
      pump(false, out);
    }
  }
  void finish(Emitter& out) override {
    pump(true, out);
    command_.end();
  }

 private:
  void pump(bool is_end, Emitter& out) {
    command_.pump(is_end, [&](std::string_view line) { out.emit_bytes(line, {}); });
  }
  Command command_;
};

}  // namespace

MakeMapper command_mapper(std::string command) {
  return [command = std::move(command)](const AttemptScope& scope) -> std::unique_ptr<Mapper> {
    return std::make_unique<CommandMapper>(command, scope);
  };
}

MakeReducer command_reducer(std::string command) {
  return [command = std::move(command)](const AttemptScope& scope) -> std::unique_ptr<Reducer> {
    return std::make_unique<CommandReducer>(command, scope);
  };
}

}  // namespace torc::mapreduce
