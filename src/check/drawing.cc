#include "check/drawing.h"

#include <algorithm>
#include <cstdio>
#include <string_view>
#include <vector>

#include "check/explanation.h"

namespace torc::check {
namespace {

constexpr size_t kChartWidthMax = 96;
constexpr size_t kColumnStepMin = 3;
constexpr size_t kColumnStepMax = 12;
constexpr std::string_view kAxisLabel = "time (order exact, not to scale)";

/// Columns of the moments at which something starts or ends.
class Axis {
 public:
  explicit Axis(std::vector<int64_t> times_ns) : times_ns_(std::move(times_ns)) {
    std::sort(times_ns_.begin(), times_ns_.end());
    times_ns_.erase(std::unique(times_ns_.begin(), times_ns_.end()), times_ns_.end());
    step_ = std::clamp(kChartWidthMax / times_ns_.size(), kColumnStepMin, kColumnStepMax);
  }
  size_t column(int64_t time_ns) const {
    return static_cast<size_t>(std::lower_bound(times_ns_.begin(), times_ns_.end(), time_ns) - times_ns_.begin()) *
           step_;
  }
  size_t end() const { return times_ns_.size() * step_; }
  std::string ruler() const {
    std::string line(end(), '-');
    for (size_t i = 0; i < times_ns_.size(); ++i) line[i * step_] = '+';
    return line + '>';
  }
  /// Offsets from the first moment, as many as have room.
  std::string labels() const {
    std::string line;
    for (size_t i = 0; i < times_ns_.size(); ++i) {
      if (line.size() > i * step_) continue;
      line.resize(i * step_, ' ');
      line += offset_text(times_ns_[i] - times_ns_[0]) + ' ';
    }
    return line;
  }

 private:
  static std::string offset_text(int64_t ns) {
    char text[32];
    if (ns < 10'000) {
      std::snprintf(text, sizeof text, "%lldns", static_cast<long long>(ns));
    } else if (ns < 10'000'000) {
      std::snprintf(text, sizeof text, "%.1fus", static_cast<double>(ns) / 1e3);
    } else {
      std::snprintf(text, sizeof text, "%.1fms", static_cast<double>(ns) / 1e6);
    }
    return text;
  }

  std::vector<int64_t> times_ns_;
  size_t step_ = kColumnStepMax;
};

std::string label_of(const Operation& operation) {
  return "client " + std::to_string(operation.client) + "  " + deed_text(operation) + " -> " +
         outcome_text(operation.outcome);
}

/// |=====|, or |=====~~ for an operation that was never answered.
std::string bar_of(const Operation& operation, const Axis& axis) {
  const size_t begin = axis.column(operation.start_ns);
  std::string bar(begin, ' ');
  const size_t end = operation.end_ns ? axis.column(*operation.end_ns) : axis.end();
  bar += '|';
  if (end > begin + 1) bar.append(end - begin - 1, operation.end_ns ? '=' : '~');
  if (end > begin) bar += operation.end_ns ? '|' : '>';
  return bar;
}

std::string before_text(const Violation& violation) {
  std::string text = "before: " + quoted(violation.key) + " is ";
  for (size_t i = 0; i < violation.states_before.size(); ++i) {
    if (i > 0) text += " or ";
    text += violation.states_before[i];
  }
  return text;
}

}  // namespace

std::string draw(const History& history, const Violation& violation) {
  std::vector<size_t> rows = violation.operations;
  std::stable_sort(rows.begin(), rows.end(), [&](size_t a, size_t b) { return history[a].client < history[b].client; });
  std::vector<int64_t> times_ns;
  size_t label_width = kAxisLabel.size();
  for (const size_t row : rows) {
    times_ns.push_back(history[row].start_ns);
    if (history[row].end_ns) times_ns.push_back(*history[row].end_ns);
    label_width = std::max(label_width, label_of(history[row]).size());
  }
  const Axis axis(std::move(times_ns));
  const auto line = [&](std::string label, const std::string& chart) {
    label.resize(label_width, ' ');
    std::string text = "  " + label + "   " + chart;
    text.erase(text.find_last_not_of(' ') + 1);
    return text + '\n';
  };
  std::string out = "  " + before_text(violation) + "\n\n";
  for (const size_t row : rows) {
    out +=
        line(label_of(history[row]), bar_of(history[row], axis) + (row == violation.stuck ? "  <-- impossible" : ""));
  }
  out += line("", axis.ruler());
  out += line(std::string(kAxisLabel), axis.labels());
  return out + "\n  Why: " + violation.reason + ".\n";
}

}  // namespace torc::check
