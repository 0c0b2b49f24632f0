#include "check/history_format.h"

#include <charconv>
#include <nlohmann/json.hpp>
#include <vector>

#include "check/validate.h"

namespace torc::check {
namespace {

using Json = nlohmann::json;

enum Field : unsigned { kClient, kOp, kKey, kArgs, kResult, kStart, kEnd, kFieldCount };
constexpr const char* kFieldNames[kFieldCount] = {"client", "op", "key", "args", "result", "start_ns", "end_ns"};

/// Receives one line's JSON as events, so that no tree is built for a million lines.
class LineReader : public nlohmann::json_sax<Json> {
 public:
  bool null() override {
    if (place_ != Place::kValue || field_ != kResult) return unexpected("null");
    operation_.outcome = Outcome::nil();
    return value_done();
  }
  bool boolean(bool) override { return unexpected("a boolean"); }
  bool number_integer(number_integer_t value) override {
    if (place_ != Place::kValue) return unexpected("a number");
    switch (field_) {
      case kResult:
        operation_.outcome = Outcome::of_integer(value);
        return value_done();
      case kStart:
        operation_.start_ns = value;
        return value_done();
      case kEnd:
        operation_.end_ns = value;
        return value_done();
      case kClient:
        if (value < 0 || value > UINT32_MAX) return fail("\"client\" must be between 0 and 4294967295");
        operation_.client = static_cast<uint32_t>(value);
        return value_done();
      case kOp:
      case kKey:
      case kArgs:
      case kFieldCount:
        break;
    }
    return unexpected("a number");
  }
  bool number_unsigned(number_unsigned_t value) override {
    if (value > static_cast<uint64_t>(INT64_MAX)) return fail("a number is too large");
    return number_integer(static_cast<number_integer_t>(value));
  }
  bool number_float(number_float_t, const string_t&) override { return fail("numbers must be whole"); }
  bool string(string_t& value) override {
    if (place_ == Place::kArgs) {
      args_.push_back(std::move(value));
      return true;
    }
    if (place_ == Place::kError) {
      operation_.outcome = Outcome::error(std::move(value));
      has_error_text_ = true;
      return true;
    }
    if (place_ != Place::kValue) return unexpected("a string");
    if (field_ == kResult) {
      operation_.outcome = Outcome::of_text(std::move(value));
    } else if (field_ == kKey) {
      operation_.key = std::move(value);
    } else if (field_ == kOp) {
      const auto kind = kind_of(value);
      if (!kind) return fail("unknown \"op\": \"" + value + "\" (get set setnx getset getdel del append cas incr)");
      operation_.kind = *kind;
    } else {
      return unexpected("a string");
    }
    return value_done();
  }
  bool binary(binary_t&) override { return unexpected("bytes"); }
  bool start_object(std::size_t) override {
    if (place_ == Place::kStart) {
      place_ = Place::kKey;
      return true;
    }
    if (place_ == Place::kValue && field_ == kResult) {
      place_ = Place::kErrorKey;
      return true;
    }
    return unexpected("an object");
  }
  bool key(string_t& name) override {
    if (place_ == Place::kErrorKey || place_ == Place::kError) {
      if (name != "error" || has_error_text_) return fail("an object as \"result\" must be {\"error\":\"...\"}");
      place_ = Place::kError;
      return true;
    }
    for (unsigned field = 0; field < kFieldCount; ++field) {
      if (name != kFieldNames[field]) continue;
      if (seen_ & (1u << field)) return fail("\"" + name + "\" appears twice");
      seen_ |= 1u << field;
      field_ = static_cast<Field>(field);
      place_ = Place::kValue;
      return true;
    }
    return fail("unknown field \"" + name + "\"");
  }
  bool end_object() override {
    if (place_ == Place::kErrorKey || place_ == Place::kError) {
      if (!has_error_text_) return fail("an object as \"result\" must be {\"error\":\"...\"}");
      return value_done();
    }
    place_ = Place::kEnd;
    return true;
  }
  bool start_array(std::size_t) override {
    if (place_ != Place::kValue || field_ != kArgs) return unexpected("an array");
    place_ = Place::kArgs;
    return true;
  }
  bool end_array() override { return value_done(); }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception& e) override {
    const std::string what = e.what();
    const size_t detail = what.rfind(": ");
    return fail("not JSON at column " + std::to_string(position) +
                (detail == std::string::npos ? "" : " (" + what.substr(detail + 2) + ")"));
  }

  Result<Operation> finish() {
    if (!error_.empty()) return invalid(error_);
    if (place_ != Place::kEnd) return invalid("a line must be one JSON object");
    for (const Field field : {kClient, kOp, kKey, kResult, kStart}) {
      if (!(seen_ & (1u << field))) return invalid(std::string("\"") + kFieldNames[field] + "\" is missing");
    }
    if (Status status = take_args(); !status.ok()) return status.error();
    Outcome& outcome = operation_.outcome;
    const bool is_open = outcome.kind == Outcome::Kind::kNil && !operation_.end_ns;
    if (is_open || (outcome.kind == Outcome::Kind::kError && outcome.text.starts_with(kUnknownOutcome))) {
      outcome = Outcome::unknown();
      operation_.end_ns.reset();
    }
    if (Status status = validate(operation_); !status.ok()) return status.error();
    return std::move(operation_);
  }

 private:
  enum class Place { kStart, kKey, kValue, kArgs, kErrorKey, kError, kEnd };

  static Error invalid(std::string message) { return Error{ErrorCode::kInvalid, std::move(message)}; }
  bool fail(std::string message) {
    if (error_.empty()) error_ = std::move(message);
    return false;
  }
  bool unexpected(const char* what) {
    if (place_ == Place::kStart) return fail("a line must be one JSON object");
    return fail(std::string(what) + " does not belong into \"" + kFieldNames[field_] + "\"");
  }
  bool value_done() {
    place_ = Place::kKey;
    return true;
  }
  Status take_args() {
    const auto wrong_count = [&](const char* wanted) {
      return invalid(std::string(name_of(operation_.kind)) + " takes " + wanted + " in \"args\"");
    };
    switch (operation_.kind) {
      case OperationKind::kGet:
      case OperationKind::kGetDel:
      case OperationKind::kDel:
        if (!args_.empty()) return wrong_count("nothing");
        return {};
      case OperationKind::kSet:
      case OperationKind::kSetNx:
      case OperationKind::kGetSet:
      case OperationKind::kAppend:
        if (args_.size() != 1) return wrong_count("one string");
        operation_.value = std::move(args_[0]);
        return {};
      case OperationKind::kCas:
        if (args_.size() != 2) return wrong_count("two strings (expected, new)");
        operation_.expected = std::move(args_[0]);
        operation_.value = std::move(args_[1]);
        return {};
      case OperationKind::kIncr: {
        if (args_.size() > 1) return wrong_count("at most one string (the increment)");
        if (args_.empty()) return {};
        const std::string& text = args_[0];
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), operation_.delta);
        if (error != std::errc() || end != text.data() + text.size()) return invalid("incr by \"" + text + "\"");
        return {};
      }
    }
    return {};
  }

  Place place_ = Place::kStart;
  Field field_ = kClient;
  unsigned seen_ = 0;
  bool has_error_text_ = false;
  std::string error_;
  std::vector<std::string> args_;
  Operation operation_;
};

void put_field(std::string& out, Field field) {
  out += out.back() == '{' ? "\"" : ",\"";
  out += kFieldNames[field];
  out += "\":";
}

void put_operation(std::string& out, const Operation& operation) {
  const auto quoted = [](const std::string& text) { return Json(text).dump(); };
  out += '{';
  put_field(out, kClient);
  out += std::to_string(operation.client);
  put_field(out, kOp);
  out += std::string("\"") + name_of(operation.kind) + "\"";
  put_field(out, kKey);
  out += quoted(operation.key);
  put_field(out, kArgs);
  out += '[';
  switch (operation.kind) {
    case OperationKind::kGet:
    case OperationKind::kGetDel:
    case OperationKind::kDel:
      break;
    case OperationKind::kSet:
    case OperationKind::kSetNx:
    case OperationKind::kGetSet:
    case OperationKind::kAppend:
      out += quoted(operation.value);
      break;
    case OperationKind::kCas:
      out += quoted(operation.expected) + "," + quoted(operation.value);
      break;
    case OperationKind::kIncr:
      out += "\"" + std::to_string(operation.delta) + "\"";
      break;
  }
  out += ']';
  put_field(out, kResult);
  switch (operation.outcome.kind) {
    case Outcome::Kind::kUnknown:
    case Outcome::Kind::kNil:
      out += "null";
      break;
    case Outcome::Kind::kText:
      out += quoted(operation.outcome.text);
      break;
    case Outcome::Kind::kInteger:
      out += std::to_string(operation.outcome.integer);
      break;
    case Outcome::Kind::kError:
      out += "{\"error\":" + quoted(operation.outcome.text) + "}";
      break;
  }
  put_field(out, kStart);
  out += std::to_string(operation.start_ns);
  if (operation.end_ns) {
    put_field(out, kEnd);
    out += std::to_string(*operation.end_ns);
  }
  out += "}\n";
}

}  // namespace

Result<History> parse_history(std::string_view text) {
  History history;
  for (size_t line_number = 1; !text.empty(); ++line_number) {
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const auto at_line = [&](const std::string& message) {
      return Error{ErrorCode::kInvalid, "line " + std::to_string(line_number) + ": " + message};
    };
    if (history.size() == kHistoryOperationsMax) return at_line("more operations than this checker takes");
    LineReader reader;
    Json::sax_parse(line.begin(), line.end(), &reader);
    Result<Operation> operation = reader.finish();
    if (!operation.ok()) return at_line(operation.error().message);
    history.push_back(std::move(operation).value());
  }
  return history;
}

Result<std::string> format_history(const History& history) {
  std::string out;
  try {
    for (const Operation& operation : history) put_operation(out, operation);
  } catch (const Json::type_error& e) {
    return Error{ErrorCode::kInvalid, std::string("a history holds text that is not UTF-8: ") + e.what()};
  }
  return out;
}

}  // namespace torc::check
