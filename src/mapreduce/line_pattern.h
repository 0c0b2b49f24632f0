// What grep looks for: a POSIX extended regular expression, as `grep -E` has them.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace torc::mapreduce {

class LinePattern {
 public:
  /// Errors: kInvalid, with what is wrong.
  static Result<LinePattern> compile(const std::string& pattern);
  LinePattern(LinePattern&&) noexcept;
  ~LinePattern();

  bool matches(std::string_view line) const;

 private:
  struct Compiled;
  LinePattern();

  std::string fixed_;  // the pattern, if it is plain text
  bool is_fixed_ = false;
  std::unique_ptr<Compiled> compiled_;
};

}  // namespace torc::mapreduce
