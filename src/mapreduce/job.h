// What a program that has a map and a reduce of its own includes. docs/mapreduce.md has an example.
#pragma once

#include <charconv>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

namespace torc::mapreduce {

/// One record of the input: a line, without its end; or one of Torc's own keys. Valid during the call only.
struct Record {
  std::string_view text;    // the line, or the key's value
  std::string_view key;     // of Torc's own keys; else empty
  std::string_view input;   // path of the file; "torc:" for keys
  uint64_t at = 0;          // the byte in the file where the record begins
  int64_t deadline_ms = 0;  // of Torc's own keys: Unix time at which it expires; 0: never
};

/// How keys and values become bytes. Numbers are decimal text, so that outputs can be read; text is itself.
template <typename T, typename = void>
struct Codec;

/// Takes what a map or a reduce makes. A map's pairs go to the reduce of their key, a reduce's into its output file.
/// Errors (a full disk) end the attempt soon after.
class Emitter {
 public:
  virtual ~Emitter() = default;
  virtual void emit_bytes(std::string_view key, std::string_view value) = 0;
  /// Adds to a counter of the job. Each counts once, whatever was tried how often.
  virtual void count(std::string_view counter, uint64_t by) = 0;

  template <typename Key, typename Value>
  void emit(const Key& key, const Value& value) {
    char key_room[32];
    char value_room[32];
    emit_bytes(Codec<Key>::encode(key, key_room), Codec<Value>::encode(value, value_room));
  }
  void count(std::string_view counter) { count(counter, 1); }
};

/// The values of one key, in the order of the inputs. What is left when the reduce returns is passed over.
class Values {
 public:
  virtual ~Values() = default;
  /// Valid until the next call. Nothing at the end.
  virtual std::optional<std::string_view> next_bytes() = 0;

  template <typename Value>
  std::optional<Value> next() {
    const std::optional<std::string_view> bytes = next_bytes();
    if (!bytes) return std::nullopt;
    return Codec<Value>::decode(*bytes);
  }
};

/// Called once for each record. An exception names a record that the map cannot take: it is skipped if the job may skip
/// any, else the attempt fails with the exception's words, the file and the byte.
using Map = std::function<void(const Record&, Emitter&)>;
/// Called once for each key, in the order of the bytes of the keys.
using Reduce = std::function<void(std::string_view key, Values&, Emitter&)>;
/// Which of the `reduces` gets the key. Must depend on nothing else.
using Partition = std::function<uint32_t(std::string_view key, uint32_t reduces)>;

/// What a map that keeps something from record to record is given: one object for each attempt.
struct AttemptScope;
class Mapper {
 public:
  virtual ~Mapper() = default;
  virtual void map(const Record& record, Emitter& out) = 0;
  /// Behind the last record of the split.
  virtual void finish(Emitter&) {}
};
using MakeMapper = std::function<std::unique_ptr<Mapper>(const AttemptScope&)>;
/// The same for a reduce.
class Reducer {
 public:
  virtual ~Reducer() = default;
  virtual void reduce(std::string_view key, Values& values, Emitter& out) = 0;
  virtual void finish(Emitter&) {}
};
using MakeReducer = std::function<std::unique_ptr<Reducer>(const AttemptScope&)>;

struct NoCombine {};
/// All values of a map are whole numbers (Codec<int64_t>) and only their sum matters: added up where they arise.
struct SumCombine {};
/// A reduce that runs over a part of the values of a key, any number of times, before the real one. It emits under the
/// key that it was given.
using Combine = std::variant<NoCombine, SumCombine, Reduce>;

/// How a reduce's pairs stand in its output file, one a line.
enum class OutputForm : uint8_t {
  kColon,  // key: value
  kTab,    // key<TAB>value
  kKey,    // key
  kValue,  // value
};

/// A map over words instead of records: much faster than a function that is called for each of them. A word is a run of
/// letters.
enum class WordMap : uint8_t {
  kNone,
  kCount,  // word -> how often; needs SumCombine
  kInput,  // word -> path of the file, once for each split
};

struct Functions {
  Map map;
  WordMap words = WordMap::kNone;  // in the place of `map`
  MakeMapper make_mapper;          // likewise
  /// A map that does not return is in the record that it was given last. Not so if it only passes records on.
  bool names_records = true;
  Reduce reduce;
  MakeReducer make_reducer;  // in the place of `reduce`
  Combine combine;
  Partition partition;  // empty: FNV-1a of the key, 31 bits of it, modulo `reduces`
  /// Partitions are ranges of keys, drawn from a sample of the input: the outputs one behind the other are sorted.
  bool sorts_all = false;
  OutputForm form = OutputForm::kColon;
};

// ---- codecs

template <>
struct Codec<const char*> {
  static std::string_view encode(const char* value, char*) { return value; }
};

template <>
struct Codec<std::string> {
  static std::string_view encode(const std::string& value, char*) { return value; }
  static std::string decode(std::string_view bytes) { return std::string(bytes); }
};
template <>
struct Codec<std::string_view> {
  static std::string_view encode(std::string_view value, char*) { return value; }
  static std::string_view decode(std::string_view bytes) { return bytes; }
};
template <size_t n>
struct Codec<char[n]> {
  static std::string_view encode(const char (&value)[n], char*) { return value; }
};
template <typename T>
struct Codec<T, std::enable_if_t<std::is_arithmetic_v<T> && !std::is_same_v<T, bool>>> {
  static std::string_view encode(T value, char* room) {
    return {room, static_cast<size_t>(std::to_chars(room, room + 32, value).ptr - room)};
  }
  static T decode(std::string_view bytes) {
    T value{};
    const auto [end, error] = std::from_chars(bytes.data(), bytes.data() + bytes.size(), value);
    if (error != std::errc() || end != bytes.data() + bytes.size()) {
      throw std::invalid_argument("not a number: " + std::string(bytes.substr(0, 40)));
    }
    return value;
  }
};

}  // namespace torc::mapreduce
