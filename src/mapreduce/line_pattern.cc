#include "mapreduce/line_pattern.h"

#include <regex.h>

#include <cstring>
#include <utility>

namespace torc::mapreduce {

struct LinePattern::Compiled {
  regex_t regex{};
  bool is_there = false;
  ~Compiled() {
    if (is_there) ::regfree(&regex);
  }
};

LinePattern::LinePattern() = default;
LinePattern::LinePattern(LinePattern&&) noexcept = default;
LinePattern::~LinePattern() = default;

Result<LinePattern> LinePattern::compile(const std::string& pattern) {
  LinePattern made;
  if (pattern.find_first_of("\\^$.|?*+()[]{}") == std::string::npos) {
    made.fixed_ = pattern;
    made.is_fixed_ = true;
    return made;
  }
  made.compiled_ = std::make_unique<Compiled>();
  const int status = ::regcomp(&made.compiled_->regex, pattern.c_str(), REG_EXTENDED | REG_NOSUB);
  if (status != 0) {
    char message[200];
    ::regerror(status, &made.compiled_->regex, message, sizeof message);
    return Error{ErrorCode::kInvalid, "pattern '" + pattern + "': " + message};
  }
  made.compiled_->is_there = true;
  return made;
}

bool LinePattern::matches(std::string_view line) const {
  if (is_fixed_) return ::memmem(line.data(), line.size(), fixed_.data(), fixed_.size()) != nullptr;
  regmatch_t range[1];
  range[0].rm_so = 0;
  range[0].rm_eo = static_cast<regoff_t>(line.size());
  return ::regexec(&compiled_->regex, line.data(), 1, range, REG_STARTEND) == 0;
}

}  // namespace torc::mapreduce
