// Commands that name any number of keys.
#include <algorithm>

#include "kv/argument.h"
#include "kv/handlers.h"
#include "kv/key_batch.h"

namespace torc::kv {
namespace {

/// args: key value, key value, ...
bool is_in_pairs(Args args, std::string_view command, ReplySink& sink) {
  if (args.size() % 2 == 0) return true;
  wrong_argument_count(command, sink);
  return false;
}

/// The keys of one step, found some at a time.
class Finder {
 public:
  /// Every `stride`-th argument is a key.
  Finder(const Table& table, Args args, size_t stride) : table_(table), args_(args), stride_(stride) {}

  /// Calls visit(spot, argument) for the next kKeysPerStep keys. `visit` may change its key, which may be named again.
  /// False from `visit` ends the step.
  template <typename Visit>
  void step(Progress& progress, Visit visit) const {
    const size_t end = progress.next + std::min(args_.size() - progress.next, kKeysPerStep * stride_);
    while (progress.next < end) {
      KeyBatch batch(table_);
      for (size_t i = progress.next; i < end && !batch.is_full(); i += stride_) batch.add(args_[i]);
      batch.fetch();
      for (size_t i = 0; i < batch.size(); ++i, progress.next += stride_) {
        Spot spot = batch.find(i);
        if (!visit(spot, progress.next)) return;
      }
    }
  }

 private:
  const Table& table_;
  Args args_;
  size_t stride_;
};

/// True: all are set.
bool set_pairs(WriteContext& c, Progress& progress) {
  Finder(c.table, c.args, 2).step(progress, [&c](Spot& spot, size_t i) {
    c.table.set(spot, c.args[i], c.args[i + 1], kNoDeadline, c.version);
    return true;
  });
  return progress.next == c.args.size();
}

template <typename Step, typename Context>
void execute_whole(Step step, Context& context) {
  Progress progress;
  while (!step(context, progress)) {
  }
}

}  // namespace

// Counted first: a value may be named again and again, and what is asked for in 100 KB would not fit into any memory.
bool m_get_step(const ReadContext& c, Progress& progress) {
  if (progress.next == 0) progress.found.reserve(std::min(c.args.size(), kKeysPerStep));
  Finder(c.table, c.args, 1).step(progress, [&](const Spot& spot, size_t) {
    const Entry* entry = spot.entry();
    progress.bytes += kReplyElementBytes + (entry != nullptr ? entry->value_bytes : 0);
    progress.found.push_back(entry);
    return progress.bytes <= kReplyBytesMax;
  });
  if (progress.bytes > kReplyBytesMax) {
    c.sink.error(kReplyTooLong);
    return true;
  }
  if (progress.next < c.args.size()) return false;
  c.sink.array(progress.found.size());
  for (const Entry* entry : progress.found) entry != nullptr ? c.sink.bulk(entry->value()) : c.sink.nil();
  return true;
}

void m_get(const ReadContext& c) { execute_whole(m_get_step, c); }

bool m_set_step(WriteContext& c, Progress& progress) {
  if (!is_in_pairs(c.args, "mset", c.sink)) return true;
  if (!set_pairs(c, progress)) return false;
  c.sink.ok();
  return true;
}

void m_set(WriteContext& c) { execute_whole(m_set_step, c); }

bool check_m_set(Args args, ReplySink& sink) { return is_in_pairs(args, "mset", sink); }

bool m_set_nx_step(WriteContext& c, Progress& progress) {
  if (!is_in_pairs(c.args, "msetnx", c.sink)) return true;
  if (!progress.is_checked) {
    bool is_there = false;
    Finder(c.table, c.args, 2).step(progress, [&](const Spot& spot, size_t) {
      is_there = spot.entry() != nullptr;
      return !is_there;
    });
    if (is_there) {
      c.sink.integer(0);
      return true;
    }
    if (progress.next < c.args.size()) return false;
    progress.is_checked = true;
    progress.next = 0;
  }
  if (!set_pairs(c, progress)) return false;
  c.sink.integer(1);
  return true;
}

void m_set_nx(WriteContext& c) { execute_whole(m_set_nx_step, c); }

bool check_m_set_nx(Args args, ReplySink& sink) { return is_in_pairs(args, "msetnx", sink); }

bool del_step(WriteContext& c, Progress& progress) {
  Finder(c.table, c.args, 1).step(progress, [&](Spot& spot, size_t) {
    if (spot.entry() == nullptr) return true;
    c.table.erase(spot);
    ++progress.count;
    return true;
  });
  if (progress.next < c.args.size()) return false;
  c.sink.integer(progress.count);
  return true;
}

void del(WriteContext& c) { execute_whole(del_step, c); }

bool exists_step(const ReadContext& c, Progress& progress) {
  Finder(c.table, c.args, 1).step(progress, [&](const Spot& spot, size_t) {
    progress.count += spot.entry() != nullptr ? 1 : 0;
    return true;
  });
  if (progress.next < c.args.size()) return false;
  c.sink.integer(progress.count);
  return true;
}

void exists(const ReadContext& c) { execute_whole(exists_step, c); }

}  // namespace torc::kv
