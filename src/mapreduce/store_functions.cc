#include "mapreduce/store_functions.h"

#include <algorithm>
#include <stdexcept>

#include "base/codec.h"
#include "mapreduce/attempt_context.h"
#include "mapreduce/certain.h"
#include "mapreduce/fields.h"
#include "mapreduce/key_statistics.h"
#include "mapreduce/torc_store.h"

namespace torc::mapreduce {
namespace {

void put_escaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    switch (c) {
      case '\t':
        out += "\\t";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\\':
        out += "\\\\";
        break;
      default:
        out.push_back(c);
    }
  }
}

Result<std::string> unescaped_word(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out.push_back(text[i]);
      continue;
    }
    const char kind = i + 1 < text.size() ? text[i + 1] : '\0';
    static constexpr std::string_view kNames = "tnr\\";
    static constexpr std::string_view kMeanings = "\t\n\r\\";
    if (const size_t at = kNames.find(kind); kind != '\0' && at != std::string_view::npos) {
      out.push_back(kMeanings[at]);
      ++i;
    } else if (const auto byte = parse_hex(text.substr(i, 4).substr(std::min<size_t>(2, text.size() - i)), 2);
               kind == 'x' && byte) {
      out.push_back(static_cast<char>(*byte));
      i += 3;
    } else {
      return Error{ErrorCode::kInvalid, "a backslash is followed by t, n, r, \\ or xHH"};
    }
  }
  return out;
}

// ---- export

Functions export_functions() {
  Functions functions;
  functions.map = [](const Record& record, Emitter& out) {
    if (record.key.empty() && record.input != kKeysInput)
      throw std::invalid_argument("export reads keys: --inputs torc:");
    // What follows the key in its line. Keys are not escaped here: their order in the output is that of their bytes.
    std::string rest;
    put_escaped(rest, record.text);
    if (record.deadline_ms != 0) rest += "\t" + std::to_string(record.deadline_ms);
    out.emit_bytes(record.key, rest);
  };
  functions.reduce = [](std::string_view key, Values& values, Emitter& out) {
    std::string escaped;
    put_escaped(escaped, key);
    while (const std::optional<std::string_view> value = values.next_bytes()) out.emit_bytes(escaped, *value);
  };
  functions.form = OutputForm::kTab;
  return functions;
}

// ---- load

void map_to_key(const Record& record, Emitter& out) {
  if (record.text.empty()) return;
  const Result<StoredKey> key = parse_export_line(record.text);
  if (!key) throw std::invalid_argument(key.error().message);
  if (key->key.starts_with(kJobKeyPrefix) || key->key == kJobsKey) {
    throw std::invalid_argument("a key of a MapReduce job: " + key->key);
  }
  std::string value;
  put_i64(value, key->deadline_ms);
  value += key->value;
  out.emit_bytes(key->key, value);
}

/// Of each key the last line counts, whatever files and splits it stands in: that is why a load has a reduce.
class LoadReducer final : public Reducer {
 public:
  LoadReducer(const StoreAccess& access, const AttemptScope& scope)
      : scope_(scope),
        records_(TorcStore::Options{access.nodes, access.patience, {}}),
        writer_(
            access, permit_key(scope.assignment.job, scope.assignment.attempt.task), [this] { return is_current(); },
            [this] { on_wait(); }) {}

  void reduce(std::string_view key, Values& values, Emitter& out) override {
    std::string last;
    while (const std::optional<std::string_view> value = values.next_bytes()) last = *value;
    Reader reader(last);
    StoredKey stored{std::string(key), {}, reader.i64()};
    stored.value = reader.rest();
    writer_.add(std::move(stored));
    ++loaded_;
    if (writer_.is_full()) write(out);
  }
  void finish(Emitter& out) override {
    write(out);
    writer_.end();
  }

 private:
  Result<bool> is_current() {
    const Attempt& attempt = scope_.assignment.attempt;
    const Result<std::optional<std::string>> text = read_one(records_, task_key(scope_.assignment.job, attempt.task));
    if (!text) return text.error();
    if (!*text) return false;
    const Result<TaskRecord> record = TaskRecord::parse(**text);
    if (!record) return record.error();
    return !record->is_done() && record->runner(attempt.id) != nullptr;
  }
  void on_wait() {
    throw_if_stopped(scope_.steps);
    scope_.steps.step();
  }
  void write(Emitter& out) {
    const Status written = writer_.write_all();
    if (!written) throw_fault(Fault::Kind::kFailed, written.error().message);
    out.count("keys loaded", loaded_);
    loaded_ = 0;
  }

  const AttemptScope scope_;
  TorcStore records_;
  KeyWriter writer_;
  uint64_t loaded_ = 0;
};

Functions load_functions(const StoreAccess& access) {
  Functions functions;
  functions.map = map_to_key;
  functions.make_reducer = [access](const AttemptScope& scope) { return std::make_unique<LoadReducer>(access, scope); };
  functions.form = OutputForm::kKey;
  return functions;
}

Result<Functions> needs_access(const JobSpec&) { return Error{ErrorCode::kInvalid, "needs a store: give --node"}; }

constexpr Builtin kStoreBuiltins[] = {
    {"keystats", "sizes, times to live, prefixes and a digest of the store's keys (--inputs torc:PREFIX)",
     needs_access},
    {"load", "puts files into the store: lines of key, tab, value", needs_access},
    {"export", "writes the store's keys as such lines (--inputs torc:PREFIX)", needs_access},
};

}  // namespace

std::string export_line(const StoredKey& key) {
  std::string line;
  put_escaped(line, key.key);
  line.push_back('\t');
  put_escaped(line, key.value);
  if (key.deadline_ms != 0) line += "\t" + std::to_string(key.deadline_ms);
  return line;
}

Result<StoredKey> parse_export_line(std::string_view line) {
  const size_t first = line.find('\t');
  if (first == std::string_view::npos) return Error{ErrorCode::kInvalid, "a line is a key, a tab and a value"};
  const size_t second = std::min(line.find('\t', first + 1), line.size());
  Result<std::string> key = unescaped_word(line.substr(0, first));
  if (!key) return key.error();
  Result<std::string> value = unescaped_word(line.substr(first + 1, second - first - 1));
  if (!value) return value.error();
  StoredKey stored{std::move(key).value(), std::move(value).value(), 0};
  if (second == line.size()) return stored;
  const std::optional<uint64_t> deadline_ms = parse_number(line.substr(second + 1));
  if (!deadline_ms || *deadline_ms == 0 || *deadline_ms > INT64_MAX) {
    return Error{ErrorCode::kInvalid, "behind the second tab stands a Unix time in milliseconds"};
  }
  stored.deadline_ms = static_cast<int64_t>(*deadline_ms);
  return stored;
}

std::span<const Builtin> store_builtins() { return kStoreBuiltins; }

std::optional<Result<Functions>> store_functions(std::string_view name, const StoreAccess* access) {
  if (name == "export") return Result<Functions>(export_functions());
  if (name == "keystats") return Result<Functions>(key_statistics_functions());
  if (name != "load") return std::nullopt;
  if (access == nullptr) return Result<Functions>(Error{ErrorCode::kInvalid, "load needs a store: give --node"});
  return Result<Functions>(load_functions(*access));
}

}  // namespace torc::mapreduce
