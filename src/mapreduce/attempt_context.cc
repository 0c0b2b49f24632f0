#include "mapreduce/attempt_context.h"

#include <exception>
#include <new>

namespace torc::mapreduce {
namespace {

constexpr size_t kSortBufferBytesMax = size_t{4} << 30;

}  // namespace

CountTable& AttemptMemory::table() {
  sort_buffer_.reset();
  if (!table_ || !table_->is_empty()) table_.emplace(bytes_, seed_);
  return *table_;
}

SortBuffer& AttemptMemory::sort_buffer(uint32_t partitions) {
  table_.reset();
  if (!sort_buffer_ || !sort_buffer_->is_empty() || partitions_ != partitions) {
    sort_buffer_.reset();
    sort_buffer_.emplace(std::min(bytes_, kSortBufferBytesMax), partitions);
    partitions_ = partitions;
  }
  return *sort_buffer_;
}

void AttemptMemory::give_back() {
  table_.reset();
  sort_buffer_.reset();
}

std::variant<Output, Plan, Fault> run_attempt(AttemptContext& context, const Assignment& assignment) {
  try {
    switch (assignment.attempt.task.kind) {
      case TaskKind::kPlan:
        return make_plan(context, *assignment.record);
      case TaskKind::kMap:
        return run_map(context, assignment);
      case TaskKind::kReduce:
        return run_reduce(context, assignment);
    }
    return Fault{.message = "an unknown kind of task"};
  } catch (AttemptFault& ended) {
    return std::move(ended.fault);
  } catch (const std::bad_alloc&) {
    return Fault{.message = assignment.attempt.task.title() + ": out of memory"};
  } catch (const std::exception& error) {
    return Fault{.message = assignment.attempt.task.title() + ": " + error.what()};
  }
}

}  // namespace torc::mapreduce
