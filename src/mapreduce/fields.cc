#include "mapreduce/fields.h"

#include <charconv>

#include "base/check.h"

namespace torc::mapreduce {
namespace {

Error corrupt_fields(std::string_view line) {
  return Error{ErrorCode::kCorrupt, "not a line \"name value\": " + std::string(line.substr(0, 80))};
}

std::optional<std::string> unescaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out.push_back(text[i]);
      continue;
    }
    if (++i == text.size()) return std::nullopt;
    switch (text[i]) {
      case 'n':
        out.push_back('\n');
        break;
      case 'r':
        out.push_back('\r');
        break;
      case '\\':
        out.push_back('\\');
        break;
      default:
        return std::nullopt;
    }
  }
  return out;
}

}  // namespace

void put_field(std::string& out, std::string_view name, std::string_view value) {
  CHECK(!name.empty() && name.find_first_of(" \n\\") == std::string_view::npos) << name;
  out.append(name);
  out.push_back(' ');
  for (const char c : value) {
    switch (c) {
      case '\n':
        out.append("\\n");
        break;
      case '\r':
        out.append("\\r");
        break;
      case '\\':
        out.append("\\\\");
        break;
      default:
        out.push_back(c);
    }
  }
  out.push_back('\n');
}

void put_field(std::string& out, std::string_view name, uint64_t value) { put_field(out, name, std::to_string(value)); }

std::vector<std::string_view> words_of(std::string_view value) {
  std::vector<std::string_view> words;
  while (!value.empty()) {
    const size_t end = std::min(value.find(' '), value.size());
    if (end > 0) words.push_back(value.substr(0, end));
    value.remove_prefix(std::min(end + 1, value.size()));
  }
  return words;
}

std::optional<uint64_t> parse_number(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<uint64_t> parse_hex(std::string_view text, size_t digits) {
  if (text.size() != digits || text.find_first_not_of("0123456789abcdef") != std::string_view::npos) {
    return std::nullopt;
  }
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string to_hex(uint64_t value, size_t digits) {
  std::string text(digits, '0');
  for (size_t i = digits; i-- > 0; value >>= 4) text[i] = "0123456789abcdef"[value & 15];
  return text;
}

Result<Fields> Fields::parse(std::string_view text) {
  Fields fields;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) return corrupt_fields(text);
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    const size_t space = line.find(' ');
    if (space == 0 || space == std::string_view::npos) return corrupt_fields(line);
    std::optional<std::string> value = unescaped(line.substr(space + 1));
    if (!value) return corrupt_fields(line);
    fields.by_name_[std::string(line.substr(0, space))].push_back(*std::move(value));
  }
  return fields;
}

std::string_view Fields::text(std::string_view name) const {
  const std::vector<std::string>& values = all(name);
  return values.empty() ? std::string_view() : std::string_view(values.front());
}

Result<uint64_t> Fields::number(std::string_view name) const {
  const std::optional<uint64_t> value = parse_number(text(name));
  if (value) return *value;
  return Error{ErrorCode::kCorrupt, "no number " + std::string(name)};
}

uint64_t Fields::number_or(std::string_view name, uint64_t otherwise) const {
  return parse_number(text(name)).value_or(otherwise);
}

const std::vector<std::string>& Fields::all(std::string_view name) const {
  static const std::vector<std::string> none;
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? none : found->second;
}

void put_counters(std::string& out, const Counters& counters) {
  for (const auto& [name, value] : counters) put_field(out, "counter", name + " " + std::to_string(value));
}

Result<Counters> parse_counters(const Fields& fields) {
  Counters counters;
  for (const std::string& line : fields.all("counter")) {
    const size_t space = line.rfind(' ');
    const std::optional<uint64_t> value =
        space == std::string::npos ? std::nullopt : parse_number(std::string_view(line).substr(space + 1));
    if (!value) return Error{ErrorCode::kCorrupt, "a counter is a name and a number: " + line};
    counters[line.substr(0, space)] = *value;
  }
  return counters;
}

}  // namespace torc::mapreduce
