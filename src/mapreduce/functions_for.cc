#include "mapreduce/functions_for.h"

#include <optional>
#include <utility>

#include "mapreduce/builtin.h"
#include "mapreduce/command.h"
#include "mapreduce/store_functions.h"

namespace torc::mapreduce {
namespace {

bool is_store_builtin(std::string_view name) {
  for (const Builtin& builtin : store_builtins()) {
    if (builtin.name == name) return true;
  }
  return false;
}

/// Nothing: no such name, so it is a command.
std::optional<Result<Functions>> named(const std::string& name, const JobSpec& spec, const OwnFunctions& own,
                                       const StoreAccess* access) {
  if (const auto found = own.find(name); found != own.end()) return Result<Functions>(found->second);
  if (const Builtin* builtin = find_builtin(name)) return builtin->functions(spec);
  return store_functions(name, access);
}

Functions command_as_map(const std::string& command) {
  Functions functions;
  functions.make_mapper = command_mapper(command);
  functions.names_records = false;  // it reads ahead of what it works on
  return functions;
}

Functions command_as_reduce(const std::string& command) {
  Functions functions;
  functions.make_reducer = command_reducer(command);
  functions.form = OutputForm::kKey;
  return functions;
}

bool is_sum(std::string_view reduce) { return reduce == "wc" || reduce == "sum"; }

/// The map's half of one and the reduce's half of another.
Functions joined(Functions map, Functions reduce, const JobSpec& spec) {
  map.reduce = std::move(reduce.reduce);
  map.make_reducer = std::move(reduce.make_reducer);
  map.sorts_all = reduce.sorts_all;
  map.form = reduce.form;
  // Sums of sums are what these two want. Any other reduce is given every value that its map made; the word count alone
  // makes no single ones.
  map.combine = NoCombine{};
  if (map.words == WordMap::kCount || is_sum(spec.reduce)) map.combine = SumCombine{};
  return map;
}

}  // namespace

Result<Functions> functions_for(const JobSpec& spec, const OwnFunctions& own, const StoreAccess* access) {
  if (spec.map.empty() || spec.reduce.empty()) return Error{ErrorCode::kInvalid, "a job needs a map and a reduce"};
  std::optional<Result<Functions>> map = named(spec.map, spec, own, access);
  if (map && !map->ok()) return map->error();
  if (map && spec.map == spec.reduce) return std::move(*map);
  // Their values are their own affair.
  for (const std::string& name : {spec.map, spec.reduce}) {
    if (!own.contains(name) && is_store_builtin(name) && name != "export") {
      return Error{ErrorCode::kInvalid, name + " is a map and a reduce that go together: name it for both"};
    }
  }
  std::optional<Result<Functions>> reduce = named(spec.reduce, spec, own, access);
  if (reduce && !reduce->ok()) return reduce->error();
  return joined(map ? std::move(*map).value() : command_as_map(spec.map),
                reduce ? std::move(*reduce).value() : command_as_reduce(spec.reduce), spec);
}

}  // namespace torc::mapreduce
