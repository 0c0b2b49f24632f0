#include "check/history.h"

#include <string_view>

namespace torc::check {
namespace {

constexpr OperationKind kKinds[] = {OperationKind::kGet,    OperationKind::kSet,    OperationKind::kSetNx,
                                    OperationKind::kGetSet, OperationKind::kGetDel, OperationKind::kDel,
                                    OperationKind::kAppend, OperationKind::kCas,    OperationKind::kIncr};

}  // namespace

const char* name_of(OperationKind kind) {
  switch (kind) {
    case OperationKind::kGet:
      return "get";
    case OperationKind::kSet:
      return "set";
    case OperationKind::kSetNx:
      return "setnx";
    case OperationKind::kGetSet:
      return "getset";
    case OperationKind::kGetDel:
      return "getdel";
    case OperationKind::kDel:
      return "del";
    case OperationKind::kAppend:
      return "append";
    case OperationKind::kCas:
      return "cas";
    case OperationKind::kIncr:
      return "incr";
  }
  return "?";
}

std::optional<OperationKind> kind_of(std::string_view name) {
  for (const OperationKind kind : kKinds) {
    if (name == name_of(kind)) return kind;
  }
  return std::nullopt;
}

}  // namespace torc::check
