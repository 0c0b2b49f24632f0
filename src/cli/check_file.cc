#include "cli/check_file.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>

#include "base/result.h"
#include "check/checker.h"
#include "check/drawing.h"
#include "check/history_format.h"

namespace torc::cli {
namespace {

Result<std::string> read_all(const std::string& path) {
  const bool is_standard_input = path == "-";
  std::FILE* const file = is_standard_input ? stdin : std::fopen(path.c_str(), "rb");
  if (file == nullptr) return Error{ErrorCode::kIo, std::strerror(errno)};
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> closer(
      file, is_standard_input ? [](std::FILE*) { return 0; } : [](std::FILE* f) { return std::fclose(f); });
  std::string text;
  char buffer[1u << 16];
  for (size_t bytes = 0; (bytes = std::fread(buffer, 1, sizeof buffer, file)) > 0;) text.append(buffer, bytes);
  if (std::ferror(file) != 0) return Error{ErrorCode::kIo, std::strerror(errno)};
  return text;
}

std::string counts(const check::Report& report) {
  return std::to_string(report.operations) + (report.operations == 1 ? " operation on " : " operations on ") +
         std::to_string(report.keys) + (report.keys == 1 ? " key" : " keys");
}

void print(const check::History& history, const check::Report& report) {
  switch (report.verdict) {
    case check::Verdict::kLinearizable:
      std::printf("OK: %s, linearizable\n", counts(report).c_str());
      return;
    case check::Verdict::kNotLinearizable:
      std::printf("NOT LINEARIZABLE: %s, %zu without an order. The smallest part that shows it:\n\n%s",
                  counts(report).c_str(), report.keys_without_order, check::draw(history, *report.violation).c_str());
      return;
    case check::Verdict::kUndecided:
      std::printf("UNDECIDED: %s. Too many operations were under way or unanswered at once on:",
                  counts(report).c_str());
      for (const std::string& key : report.undecided_keys) std::printf(" %s", key.c_str());
      std::printf("\n");
      return;
  }
}

}  // namespace

ExitCode run_check(const CheckFile& file) {
  const auto refuse = [&](const std::string& message) {
    std::fprintf(stderr, "torc check: %s: %s\n", file.path.c_str(), message.c_str());
    return kExitUsage;
  };
  const Result<std::string> text = read_all(file.path);
  if (!text.ok()) return refuse(text.error().message);
  const Result<check::History> history = check::parse_history(*text);
  if (!history.ok()) return refuse(history.error().message);
  const Result<check::Report> report = check::check_history(*history);
  if (!report.ok()) return refuse(report.error().message);
  print(*history, *report);
  return exit_code_of(report->verdict);
}

}  // namespace torc::cli
