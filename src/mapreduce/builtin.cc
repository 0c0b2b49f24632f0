#include "mapreduce/builtin.h"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/codec.h"
#include "mapreduce/line_pattern.h"

namespace torc::mapreduce {
namespace {

Result<Functions> wc(const JobSpec&) {
  Functions functions;
  functions.words = WordMap::kCount;
  functions.combine = SumCombine{};
  functions.reduce = reduce_to_sum;
  return functions;
}

/// word -> how many files it is in, and which.
void reduce_to_list(std::string_view key, Values& values, Emitter& out) {
  std::vector<std::string> files;
  while (const std::optional<std::string_view> file = values.next_bytes()) {
    if (files.empty() || files.back() != *file) files.emplace_back(*file);
  }
  std::sort(files.begin(), files.end());
  files.erase(std::unique(files.begin(), files.end()), files.end());
  std::string list = std::to_string(files.size());
  for (size_t i = 0; i < files.size(); ++i) list += (i == 0 ? " " : ",") + files[i];
  out.emit_bytes(key, list);
}

Result<Functions> ii(const JobSpec&) {
  Functions functions;
  functions.words = WordMap::kInput;
  functions.reduce = reduce_to_list;
  return functions;
}

/// Keys of lines whose order is that of the files' names and of the lines in them: path, NUL, place.
std::string place_key(const Record& record) {
  std::string key(record.input);
  key.push_back('\0');
  put_u64_ordered(key, record.at);
  return key;
}

void reduce_to_places(std::string_view key, Values& values, Emitter& out) {
  if (key.size() < 9) throw std::invalid_argument("not a place");
  const uint64_t at = Reader(key.substr(key.size() - 8)).u64_ordered();
  const std::string place = std::string(key.substr(0, key.size() - 9)) + ":" + std::to_string(at);
  while (const std::optional<std::string_view> line = values.next_bytes()) out.emit_bytes(place, *line);
}

Result<Functions> grep(const JobSpec& spec) {
  const auto given = spec.arguments.find("pattern");
  if (given == spec.arguments.end()) return Error{ErrorCode::kInvalid, "grep needs --pattern"};
  Result<LinePattern> pattern = LinePattern::compile(given->second);
  if (!pattern) return pattern.error();
  Functions functions;
  functions.map = [pattern = std::make_shared<const LinePattern>(std::move(pattern).value())](const Record& record,
                                                                                              Emitter& out) {
    if (pattern->matches(record.text)) out.emit_bytes(place_key(record), record.text);
  };
  functions.reduce = reduce_to_places;
  return functions;
}

Result<Functions> sort(const JobSpec&) {
  Functions functions;
  functions.map = [](const Record& record, Emitter& out) { out.emit_bytes(record.text, {}); };
  functions.reduce = [](std::string_view key, Values& values, Emitter& out) {
    while (values.next_bytes()) out.emit_bytes(key, {});
  };
  functions.sorts_all = true;
  functions.form = OutputForm::kKey;
  return functions;
}

void map_to_number(const Record& record, Emitter& out) {
  const size_t end = record.text.find_last_not_of(" \t\r");
  if (end == std::string_view::npos) return;  // an empty line
  const std::string_view text = record.text.substr(0, end + 1);
  const size_t space = text.find_last_of(" \t");
  if (space == std::string_view::npos) throw std::invalid_argument("a line is a key, a space and a whole number");
  std::string_view key = text.substr(0, space);
  key = key.substr(0, key.find_last_not_of(" \t:") + 1);
  out.emit(key, Codec<int64_t>::decode(text.substr(space + 1)));
}

Result<Functions> sum(const JobSpec&) {
  Functions functions;
  functions.map = map_to_number;
  functions.combine = SumCombine{};
  functions.reduce = reduce_to_sum;
  return functions;
}

constexpr Builtin kBuiltins[] = {
    {"wc", "counts words: a word is a run of letters", wc},
    {"ii", "inverted index: for each word how many files it is in, and which", ii},
    {"grep", "lines that fit --pattern, with file and byte", grep},
    {"sort", "sorts lines by their bytes", sort},
    {"sum", "adds up: a line is a key, a space or tab, and a whole number", sum},
};

}  // namespace

void reduce_to_sum(std::string_view key, Values& values, Emitter& out) {
  int64_t sum = 0;
  while (const std::optional<int64_t> value = values.next<int64_t>()) {
    if (__builtin_add_overflow(sum, *value, &sum)) throw std::overflow_error("a sum does not fit 64 bits");
  }
  out.emit(key, sum);
}

std::span<const Builtin> builtins() { return kBuiltins; }

const Builtin* find_builtin(std::string_view name) {
  for (const Builtin& builtin : kBuiltins) {
    if (builtin.name == name) return &builtin;
  }
  return nullptr;
}

}  // namespace torc::mapreduce
