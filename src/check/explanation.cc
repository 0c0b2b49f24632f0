#include "check/explanation.h"

#include <algorithm>

namespace torc::check {
namespace {

constexpr size_t kQuotedBytesMax = 48;
constexpr size_t kStatesNamedMax = 4;

std::string deed_of_client(const Operation& operation) {
  return deed_text(operation) + " by client " + std::to_string(operation.client);
}

/// The text that `operation` says it read, if it read one.
const std::string* text_read(const Operation& operation) {
  const bool reads = operation.kind == OperationKind::kGet || operation.kind == OperationKind::kGetSet ||
                     operation.kind == OperationKind::kGetDel;
  return reads && operation.outcome.kind == Outcome::Kind::kText ? &operation.outcome.text : nullptr;
}

/// Can the value have become `text` by this operation?
bool can_write(const Operation& operation, const std::string& text) {
  switch (operation.kind) {
    case OperationKind::kSet:
    case OperationKind::kSetNx:
    case OperationKind::kGetSet:
    case OperationKind::kCas:
      return operation.value == text;
    case OperationKind::kAppend:
      return text.ends_with(operation.value);
    case OperationKind::kIncr:
      return parse_number(text).has_value();
    case OperationKind::kGet:
    case OperationKind::kGetDel:
    case OperationKind::kDel:
      return false;
  }
  return false;
}

bool changed_something(const ModelOperation& operation) { return !operation.is_open && !operation.is_read_only; }

bool ended_before(const Operation& first, const Operation& second) {
  return first.end_ns && *first.end_ns < second.start_ns;
}

/// The last operation of the window that had certainly replaced the value of `writer` before `reader` began.
const Operation* replacer(const std::vector<ModelOperation>& operations, const Window& window, const Operation* writer,
                          const Operation& reader) {
  const Operation* found = nullptr;
  for (const OperationIndex i : window.operations) {
    const Operation& candidate = *operations[i].source;
    if (&candidate == writer || !changed_something(operations[i]) || !ended_before(candidate, reader)) continue;
    if (writer != nullptr && !ended_before(*writer, candidate)) continue;
    if (can_write(candidate, *text_read(reader))) continue;
    if (found == nullptr || *found->end_ns < *candidate.end_ns) found = &candidate;
  }
  return found;
}

std::string impossible_value(const std::vector<ModelOperation>& operations, const Window& window, OperationIndex stuck,
                             const std::vector<const Operation*>& refused) {
  const Operation& reader = *operations[stuck].source;
  const std::string& text = *text_read(reader);
  const std::string beginning = deed_of_client(reader) + " returned " + quoted(text) + ", but ";
  const Operation* writer = nullptr;
  size_t writers = 0;
  for (const ModelOperation& operation : operations) {
    if (operation.source == &reader || !can_write(*operation.source, text)) continue;
    if (*reader.end_ns < operation.source->start_ns) continue;
    writer = operation.source;
    ++writers;
  }
  if (writers == 0) {
    for (const Operation* operation : refused) {
      if (!can_write(*operation, text)) continue;
      return beginning + "only " + deed_of_client(*operation) + " wrote that, and it was refused (" +
             outcome_text(operation->outcome) + ")";
    }
    return beginning + "nothing that began before it ended writes that";
  }
  const Operation* overwriting = replacer(operations, window, writers == 1 ? writer : nullptr, reader);
  if (overwriting != nullptr) return beginning + deed_of_client(*overwriting) + " had completed before it began";
  return {};
}

std::string joined(const std::vector<std::string>& parts) {
  std::string all;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i == kStatesNamedMax) return all + " or " + std::to_string(parts.size() - i) + " other values";
    all += (i == 0 ? "" : i + 1 == parts.size() ? " or " : ", ") + parts[i];
  }
  return all;
}

}  // namespace

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (size_t i = 0; i < text.size(); ++i) {
    if (text.size() > kQuotedBytesMax && i == kQuotedBytesMax / 2) {
      const size_t left_out = text.size() - kQuotedBytesMax;
      out += "...(" + std::to_string(left_out) + " bytes)...";
      i += left_out;
    }
    const unsigned char c = static_cast<unsigned char>(text[i]);
    constexpr char kHex[] = "0123456789abcdef";
    if (c == '"' || c == '\\') {
      out += {'\\', static_cast<char>(c)};
    } else if (c < 0x20 || c >= 0x7f) {
      out += {'\\', 'x', kHex[c >> 4], kHex[c & 15]};
    } else {
      out += static_cast<char>(c);
    }
  }
  return out + '"';
}

std::string state_text(const StateSpace& space, StateId state) {
  return state == kNilState ? "absent" : quoted(space.text(state));
}

std::string deed_text(const Operation& operation) {
  std::string text = name_of(operation.kind);
  switch (operation.kind) {
    case OperationKind::kGet:
    case OperationKind::kGetDel:
    case OperationKind::kDel:
      return text;
    case OperationKind::kSet:
    case OperationKind::kSetNx:
    case OperationKind::kGetSet:
    case OperationKind::kAppend:
      return text + " " + quoted(operation.value);
    case OperationKind::kCas:
      return text + " " + quoted(operation.expected) + " " + quoted(operation.value);
    case OperationKind::kIncr:
      return operation.delta == 1 ? text : text + " by " + std::to_string(operation.delta);
  }
  return text;
}

std::string outcome_text(const Outcome& outcome) {
  switch (outcome.kind) {
    case Outcome::Kind::kUnknown:
      return "?";
    case Outcome::Kind::kNil:
      return "nil";
    case Outcome::Kind::kText:
      return outcome.text == "OK" ? "OK" : quoted(outcome.text);
    case Outcome::Kind::kInteger:
      return std::to_string(outcome.integer);
    case Outcome::Kind::kError:
      return "error " + quoted(outcome.text);
  }
  return "?";
}

std::string reason_of(StateSpace& space, const std::vector<ModelOperation>& operations, const Window& window,
                      OperationIndex stuck, const std::vector<StateId>& tried,
                      const std::vector<const Operation*>& refused) {
  const Operation& operation = *operations[stuck].source;
  if (text_read(operation) != nullptr) {
    const std::string reason = impossible_value(operations, window, stuck, refused);
    if (!reason.empty()) return reason;
  }
  std::vector<std::string> states;
  std::vector<std::string> answers;
  for (const StateId state : tried) {
    states.push_back(state_text(space, state));
    answers.push_back(outcome_text(answer_on(space, state, operation)));
  }
  std::sort(answers.begin(), answers.end());
  answers.erase(std::unique(answers.begin(), answers.end()), answers.end());
  const std::string returned = deed_of_client(operation) + " returned " + outcome_text(operation.outcome);
  const bool answer_fits = step(space, tried.front(), operations[stuck]).has_value();
  if (answer_fits) return returned + ", which leaves no order for the others";
  return returned + ", but in every order the value before it is " + joined(states) + ", so it would have returned " +
         joined(answers);
}

}  // namespace torc::check
