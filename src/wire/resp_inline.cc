// Redis's quoting rules (sdssplitargs), for inline commands.

#include "wire/resp_parser.h"

namespace torc::wire {
namespace {

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

char escaped(char c) {
  switch (c) {
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'b':
      return '\b';
    case 'a':
      return '\a';
    default:
      return c;
  }
}

/// Takes one character of a quoted part off `rest`, with its escape.
char take_quoted(std::string_view& rest, char quote) {
  const char c = rest[0];
  if (c == '\\' && quote == '"') {
    if (rest.size() >= 4 && rest[1] == 'x' && hex_digit(rest[2]) >= 0 && hex_digit(rest[3]) >= 0) {
      const int byte = hex_digit(rest[2]) * 16 + hex_digit(rest[3]);
      rest.remove_prefix(4);
      return static_cast<char>(byte);
    }
    if (rest.size() >= 2) {
      const char plain = escaped(rest[1]);
      rest.remove_prefix(2);
      return plain;
    }
  }
  if (c == '\\' && quote == '\'' && rest.size() >= 2 && rest[1] == '\'') {
    rest.remove_prefix(2);
    return '\'';
  }
  rest.remove_prefix(1);
  return c;
}

/// Appends the quoted part at the front of `rest` (behind its opening quote) to `out`; false if it does not end, or
/// ends in front of something other than a space.
bool take_quoted_part(std::string_view& rest, char quote, std::string& out) {
  while (!rest.empty() && rest[0] != quote) out.push_back(take_quoted(rest, quote));
  if (rest.empty()) return false;
  rest.remove_prefix(1);
  return rest.empty() || is_space(rest[0]);
}

}  // namespace

bool split_inline(std::string_view line, std::vector<std::string_view>& args, std::string& unescaped) {
  args.clear();
  unescaped.clear();
  unescaped.reserve(line.size());  // never grows past the line, so views into it stay
  std::string_view rest = line;
  for (;;) {
    while (!rest.empty() && is_space(rest[0])) rest.remove_prefix(1);
    if (rest.empty()) return true;
    size_t plain = 0;
    while (plain < rest.size() && !is_space(rest[plain]) && rest[plain] != '"' && rest[plain] != '\'') ++plain;
    if (plain == rest.size() || is_space(rest[plain])) {
      args.push_back(rest.substr(0, plain));
      rest.remove_prefix(plain);
      continue;
    }
    const size_t begin = unescaped.size();
    unescaped.append(rest.substr(0, plain));
    const char quote = rest[plain];
    rest.remove_prefix(plain + 1);
    if (!take_quoted_part(rest, quote, unescaped)) return false;
    args.push_back(std::string_view(unescaped).substr(begin));
  }
}

}  // namespace torc::wire
