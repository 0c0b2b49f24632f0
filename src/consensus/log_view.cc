#include "consensus/log_view.h"

#include <algorithm>

namespace torc::consensus {

LogView::LogView(const RestoredState& restored, size_t held_bytes_max)
    : held_bytes_max_(held_bytes_max),
      start_index_(restored.start_index),
      start_term_(restored.start_term),
      runs_(restored.term_runs),
      last_index_(restored.last_index),
      commit_(std::max(restored.commit, restored.start_index)),
      stable_index_(restored.last_index),
      offered_index_(restored.last_index) {
  CHECK(start_index_ <= last_index_ && commit_ <= last_index_)
      << "start " << start_index_ << " commit " << commit_ << " last " << last_index_;
  CHECK(runs_.empty() == (start_index_ == last_index_)) << "term runs do not cover the log";
  LogIndex next = start_index_ + 1;
  Term term = start_term_;
  for (const TermRun& run : runs_) {
    CHECK(run.first_index >= next && run.first_index <= last_index_ && run.term >= term)
        << "run at " << run.first_index;
    next = run.first_index + 1;
    term = run.term;
  }
  CHECK(runs_.empty() || runs_.front().first_index == start_index_ + 1) << "gap before " << runs_.front().first_index;
  configurations_.push_back({start_index_, restored.configuration});
}

std::optional<Term> LogView::term_at(LogIndex index) const {
  if (index == start_index_) return start_term_;
  if (index < start_index_ || index > last_index_) return std::nullopt;
  // Questions are nearly always about the newest run.
  if (index >= runs_.back().first_index) return runs_.back().term;
  const auto after = std::upper_bound(runs_.begin(), runs_.end(), index,
                                      [](LogIndex i, const TermRun& run) { return i < run.first_index; });
  return std::prev(after)->term;
}

LogIndex LogView::last_not_above(LogIndex index, Term term) const {
  index = std::min(index, last_index_);
  for (auto run = runs_.rbegin(); run != runs_.rend() && index > start_index_; ++run) {
    if (run->first_index > index) continue;
    if (run->term <= term) return index;
    index = run->first_index - 1;
  }
  return index;
}

bool LogView::is_up_to_date(Term candidate_term, LogIndex candidate_index) const {
  return candidate_term > last_term() || (candidate_term == last_term() && candidate_index >= last_index_);
}

bool LogView::holds(LogIndex first, const std::vector<Entry>& entries) const {
  return std::all_of(entries.begin(), entries.end(), [&](const Entry& entry) {
    const LogIndex expected = first;
    ++first;
    return entry.index == expected && term_at(expected) == entry.term;
  });
}

size_t LogView::count_known(const std::vector<Entry>& entries) const {
  size_t known = 0;
  for (; known < entries.size(); ++known) {
    const Entry& entry = entries[known];
    if (entry.index < start_index_) continue;
    if (entry.index > last_index_ || term_at(entry.index) != entry.term) break;
  }
  return known;
}

void LogView::append(Entry entry) {
  CHECK(entry.index == last_index_ + 1) << "entry " << entry.index << " after " << last_index_;
  CHECK(entry.term >= last_term()) << "term " << entry.term << " after " << last_term();
  if (entry.kind == EntryKind::kConfiguration) {
    configurations_.push_back({entry.index, decode_configuration(entry.payload()).value()});
  }
  if (runs_.empty() || runs_.back().term != entry.term) runs_.push_back({entry.index, entry.term});
  last_index_ = entry.index;
  held_bytes_ += entry.size();
  held_.push_back(std::move(entry));
}

void LogView::truncate_suffix(LogIndex last_kept) {
  CHECK(last_kept >= commit_) << "truncating to " << last_kept << " below commit " << commit_;
  if (last_kept >= last_index_) return;
  while (!held_.empty() && held_.back().index > last_kept) {
    held_bytes_ -= held_.back().size();
    held_.pop_back();
  }
  while (!runs_.empty() && runs_.back().first_index > last_kept) runs_.pop_back();
  while (configurations_.size() > 1 && configurations_.back().index > last_kept) configurations_.pop_back();
  last_index_ = last_kept;
  stable_index_ = std::min(stable_index_, last_kept);
  offered_index_ = std::min(offered_index_, last_kept);
  for (Offer& offer : offers_) offer.last_index = std::min(offer.last_index, last_kept);
}

void LogView::commit_to(LogIndex index) {
  if (index <= commit_) return;
  CHECK(index <= last_index_) << "commit " << index << " beyond last " << last_index_;
  commit_ = index;
  while (configurations_.size() > 1 && configurations_[1].index <= commit_) {
    configurations_.erase(configurations_.begin());
  }
  trim_held();
}

void LogView::cut(LogIndex index) {
  if (index <= start_index_) return;
  CHECK(index <= commit_) << "cut at " << index << " above commit " << commit_;
  const Term term = term_at(index).value();
  while (!held_.empty() && held_.front().index <= index) drop_front();
  auto keep = std::upper_bound(runs_.begin(), runs_.end(), index + 1,
                               [](LogIndex i, const TermRun& run) { return i < run.first_index; });
  runs_.erase(runs_.begin(), std::prev(keep));
  runs_.front().first_index = index + 1;
  if (index == last_index_) runs_.clear();
  start_index_ = index;
  start_term_ = term;
}

void LogView::release(LogIndex index) {
  released_index_ = std::max(released_index_, index);
  trim_held();
}

size_t LogView::collect(LogIndex first, size_t bytes_max, std::vector<Entry>& out) const {
  CHECK(first >= first_held()) << "entry " << first << " is not held";
  size_t bytes = 0;
  for (size_t i = first - first_held(); i < held_.size() && bytes < bytes_max; ++i) {
    out.push_back(held_[i]);
    bytes += held_[i].size();
  }
  return bytes;
}

std::vector<Entry> LogView::offer(uint64_t sequence) {
  std::vector<Entry> entries;
  if (!has_unoffered()) return entries;
  entries.reserve(last_index_ - offered_index_);
  collect(offered_index_ + 1, SIZE_MAX, entries);
  offered_index_ = last_index_;
  offers_.push_back({sequence, last_index_});
  return entries;
}

void LogView::persisted(uint64_t sequence) {
  while (!offers_.empty() && offers_.front().sequence <= sequence) {
    stable_index_ = std::max(stable_index_, offers_.front().last_index);
    offers_.pop_front();
  }
  trim_held();
}

void LogView::drop_front() {
  held_bytes_ -= held_.front().size();
  held_.pop_front();
}

// Only what is committed and durable may go: everything else must stay at hand for Readys and followers.
void LogView::trim_held() {
  const LogIndex droppable = std::min(commit_, stable_index_);
  while (!held_.empty() && held_.front().index <= droppable &&
         (held_bytes_ > held_bytes_max_ || held_.front().index <= released_index_)) {
    drop_front();
  }
}

}  // namespace torc::consensus
