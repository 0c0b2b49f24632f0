#include "mapreduce/job_text.h"

#include <algorithm>
#include <cstdio>

namespace torc::mapreduce {
namespace {

std::string with_one_digit(double value, const char* unit) {
  char room[64];
  std::snprintf(room, sizeof room, "%.1f %s", value, unit);
  return room;
}

std::string seconds_text(uint64_t ms) {
  if (ms < 10'000) return with_one_digit(static_cast<double>(ms) / 1000, "s");
  if (ms < 120'000) return std::to_string(ms / 1000) + " s";
  return std::to_string(ms / 60'000) + " min " + std::to_string(ms / 1000 % 60) + " s";
}

std::string padded(std::string text, size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text + "  ";
}

std::string phase_text(const char* name, const JobStatus::Phase& phase) {
  return std::string(name) + " " + std::to_string(phase.done) + " of " + std::to_string(phase.tasks) + " done, " +
         std::to_string(phase.running) + " under way\n";
}

}  // namespace

std::string bytes_text(uint64_t bytes) {
  if (bytes < 1000) return std::to_string(bytes) + " bytes";
  static constexpr const char* kUnits[] = {"kB", "MB", "GB", "TB"};
  double value = static_cast<double>(bytes) / 1000;
  size_t unit = 0;
  for (; value >= 999.95 && unit + 1 < std::size(kUnits); ++unit) value /= 1000;
  return with_one_digit(value, kUnits[unit]);
}

std::string ProgressText::next(const JobStatus& status, std::chrono::steady_clock::time_point now) {
  if (!status.is_planned) return "planning";
  const bool is_map_phase = status.maps.done < status.maps.tasks;
  const JobStatus::Phase& phase = is_map_phase ? status.maps : status.reduces;
  if (!begin_ || begin_->is_map_phase != is_map_phase) begin_ = Point{now, is_map_phase, phase.bytes_done};
  std::string text = std::string("maps ") + std::to_string(status.maps.done) + "/" + std::to_string(status.maps.tasks) +
                     ", reduces " + std::to_string(status.reduces.done) + "/" + std::to_string(status.reduces.tasks) +
                     ", " + bytes_text(phase.bytes_done) +
                     (is_map_phase && phase.input_bytes > 0 ? " of " + bytes_text(phase.input_bytes) : "") +
                     (is_map_phase ? " read" : " merged");
  const double seconds = std::chrono::duration<double>(now - begin_->at).count();
  if (seconds <= 0 || phase.bytes_done <= begin_->bytes) return text;
  const double rate = static_cast<double>(phase.bytes_done - begin_->bytes) / seconds;
  text += ", " + bytes_text(static_cast<uint64_t>(rate)) + "/s";
  // How much a reduce has to merge is known to its worker alone, so there the tasks say how far it is.
  double left = -1;
  if (is_map_phase && phase.input_bytes > phase.bytes_done) {
    left = static_cast<double>(phase.input_bytes - phase.bytes_done) / rate;
  } else if (!is_map_phase && phase.done > 0) {
    left = seconds * static_cast<double>(phase.tasks - phase.done) / static_cast<double>(phase.done);
  }
  if (left >= 0) {
    text += ", " + seconds_text(static_cast<uint64_t>(left * 1000)) + " left" + (is_map_phase ? " of the maps" : "");
  }
  return text;
}

std::string summary_text(const std::string& job, const JobStatus& status) {
  const JobRecord& record = status.record;
  const uint64_t took_ms = record.ended_ms - std::min(record.ended_ms, record.created_ms);
  std::string text = "job " + job + ": " + std::string(to_string(record.state)) + " after " + seconds_text(took_ms);
  if (!record.reason.empty()) text += ": " + record.reason;
  text += "\n" + std::to_string(status.maps.tasks) + " maps, " + std::to_string(status.reduces.tasks) + " reduces, " +
          std::to_string(status.attempts) + " attempts";
  if (status.failures > 0) text += ", " + std::to_string(status.failures) + " of them failed";
  text += "\n";
  if (record.state != JobState::kDone) return text;
  const auto counter = [&](const char* name) {
    const auto found = record.counters.find(name);
    return found == record.counters.end() ? 0 : found->second;
  };
  text += "read " + bytes_text(counter("bytes read"));
  if (took_ms > 0 && counter("bytes read") > 0) {
    text += " (" + bytes_text(counter("bytes read") * 1000 / took_ms) + "/s)";
  }
  text += ", wrote " + bytes_text(counter("bytes written")) + " to " + record.spec.output + "\n";
  for (const auto& [name, value] : record.counters) {
    if (name != "bytes read" && name != "bytes written") text += name + ": " + std::to_string(value) + "\n";
  }
  return text;
}

std::string status_text(const std::string& job, const JobStatus& status) {
  const JobRecord& record = status.record;
  if (record.is_ended()) return summary_text(job, status);
  std::string text = "job " + job + ": " + std::string(to_string(record.state)) + "\nmap " + record.spec.map +
                     ", reduce " + record.spec.reduce + ", output " + record.spec.output + "\n";
  if (!status.is_planned) text += "not planned yet\n";
  if (status.is_planned) {
    text += phase_text("maps", status.maps) + phase_text("reduces", status.reduces) +
            bytes_text(status.maps.bytes_done) + " of " + bytes_text(status.maps.input_bytes) + " read\n";
  }
  text += std::to_string(status.attempts) + " attempts, " + std::to_string(status.failures) + " of them failed\n";
  if (status.bad_records > 0) text += std::to_string(status.bad_records) + " bad records\n";
  for (const std::string& fault : status.faults) text += fault + "\n";
  return text;
}

std::string list_text(const std::map<std::string, JobRecord>& jobs, uint64_t now_ms) {
  if (jobs.empty()) return "no jobs\n";
  size_t width = 3;
  for (const auto& [name, record] : jobs) width = std::max(width, name.size());
  constexpr size_t kStateWidth = 10;
  constexpr size_t kAgeWidth = 14;
  std::string text = padded("JOB", width) + padded("STATE", kStateWidth) + padded("BEGUN", kAgeWidth) + "OUTPUT\n";
  for (const auto& [name, record] : jobs) {
    const uint64_t age_ms = now_ms - std::min(now_ms, record.created_ms);
    text += padded(name, width) + padded(std::string(to_string(record.state)), kStateWidth) +
            padded(seconds_text(age_ms) + " ago", kAgeWidth) + record.spec.output + "\n";
  }
  return text;
}

}  // namespace torc::mapreduce
