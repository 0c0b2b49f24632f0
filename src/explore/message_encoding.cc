// Every message field by field, whatever messages there are: a field added to the core cannot be forgotten here.
#include <boost/pfr.hpp>
#include <type_traits>

#include "explore/driver.h"

namespace torc::explore {
namespace {

using consensus::StateWriter;

template <typename T>
concept IsList = requires(const T& list) {
  list.begin();
  list.size();
};
template <typename T>
concept IsId = requires(const T& id) {
  requires std::same_as<decltype(id.value), uint64_t>;
};

template <typename Body>
void put_fields(StateWriter& out, const Body& body);

template <typename T>
void put(StateWriter& out, const T& value) {
  if constexpr (std::is_same_v<T, ReplicaId>) {
    out.id(value);
  } else if constexpr (std::is_same_v<T, Entry>) {
    out.entry(value);
  } else if constexpr (std::is_same_v<T, consensus::Configuration>) {
    out.configuration(value);
  } else if constexpr (std::is_same_v<T, Bytes>) {
    out.bytes(value.view());
  } else if constexpr (IsId<T>) {
    out.number(value.value);
  } else if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T>) {
    out.number(static_cast<uint64_t>(value));
  } else if constexpr (IsList<T>) {
    out.number(value.size());
    for (const auto& item : value) put(out, item);
  } else {
    put_fields(out, value);
  }
}

template <typename Body>
void put_fields(StateWriter& out, const Body& body) {
  boost::pfr::for_each_field(body, [&](const auto& field) { put(out, field); });
}

}  // namespace

void encode_message(const Message& message, StateWriter& out) {
  out.id(message.from);
  out.id(message.to);
  out.number(message.body.index());
  std::visit([&](const auto& body) { put_fields(out, body); }, message.body);
}

void encode_snapshot(const Snapshot& snapshot, StateWriter& out) {
  constexpr uint64_t kBehindMessages = std::variant_size_v<consensus::MessageBody>;
  out.id(snapshot.head.from);
  out.id(snapshot.to);
  out.number(kBehindMessages);
  put_fields(out, snapshot);
}

}  // namespace torc::explore
