#include "write_load.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "cluster.h"

namespace torc::integration {
namespace {

constexpr Millis kAnswerTimeout{500};
constexpr size_t kReadBatch = 500;

}  // namespace

WriteLoad::WriteLoad(std::vector<Address> nodes, const Options& options)
    : nodes_(std::move(nodes)), options_(options), writers_(static_cast<size_t>(options.clients)) {
  for (size_t i = 0; i < writers_.size(); ++i) writers_[i].thread = std::thread([this, i] { write(i); });
}

WriteLoad::~WriteLoad() { stop(); }

void WriteLoad::stop() {
  is_stopping_ = true;
  for (Writer& writer : writers_) {
    if (writer.thread.joinable()) writer.thread.join();
  }
}

std::string WriteLoad::key(size_t writer, uint64_t sequence) {
  return "load:" + std::to_string(writer) + ":" + std::to_string(sequence);
}

std::string WriteLoad::value(size_t writer, uint64_t sequence) const {
  std::string text = std::to_string(sequence * 1000003 + writer);
  if (text.size() < options_.value_bytes_min) text.append(options_.value_bytes_min - text.size(), '.');
  return text;
}

void WriteLoad::write(size_t writer) {
  size_t node = writer;
  RespClient client;
  Clock::time_point last = Clock::now();
  for (uint64_t sequence = 0; !is_stopping_; ++sequence) {
    if (options_.pause.count() > 0) sleep_for(options_.pause);
    if (!client.is_open()) {
      client = RespClient::connect(nodes_[++node % nodes_.size()], kAnswerTimeout);
      if (!client.is_open()) {
        sleep_for(Millis(10));
        continue;
      }
    }
    const Clock::rep start = Clock::now().time_since_epoch().count();
    const std::optional<Reply> reply = client.call({"SET", key(writer, sequence), value(writer, sequence)});
    if (!reply || !reply->is_ok()) {
      client.close();
      continue;
    }
    writers_[writer].acknowledged.push_back(sequence);
    ++acknowledged_count_;
    const int64_t gap_ms = std::chrono::ceil<Millis>(Clock::now() - std::exchange(last, Clock::now())).count();
    int64_t longest = longest_gap_ms_;
    while (longest < gap_ms && !longest_gap_ms_.compare_exchange_weak(longest, gap_ms)) {
    }
    Clock::rep latest = latest_acknowledged_start_;
    while (latest < start && !latest_acknowledged_start_.compare_exchange_weak(latest, start)) {
    }
  }
}

Millis WriteLoad::time_to_next_acknowledged_write(Millis timeout) {
  const Clock::time_point now = Clock::now();
  holds_within(timeout, [&] { return latest_acknowledged_start_ > now.time_since_epoch().count(); });
  return std::chrono::ceil<Millis>(Clock::now() - now);
}

std::vector<std::string> WriteLoad::missing_at(const Address& node) const {
  std::vector<std::string> missing;
  RespClient client = RespClient::connect(node, Millis(10000));
  for (size_t writer = 0; writer < writers_.size(); ++writer) {
    const std::vector<uint64_t>& sequences = writers_[writer].acknowledged;
    for (size_t begin = 0; begin < sequences.size(); begin += kReadBatch) {
      const size_t end = std::min(begin + kReadBatch, sequences.size());
      std::string requests;
      for (size_t i = begin; i < end; ++i) requests += RespClient::encode({"GET", key(writer, sequences[i])});
      client.send_bytes(requests);
      for (size_t i = begin; i < end; ++i) {
        const std::optional<Reply> reply = client.receive();
        if (!reply || reply->is_error()) throw std::runtime_error("cannot read back what was written");
        if (reply->text != value(writer, sequences[i])) missing.push_back(key(writer, sequences[i]));
      }
    }
  }
  return missing;
}

}  // namespace torc::integration
