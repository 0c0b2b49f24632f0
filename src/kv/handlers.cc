#include "kv/handlers.h"

#include <array>

namespace torc::kv {
namespace {

constexpr CommandRow kRows[] = {
    {CommandId::kGet, get},
    {CommandId::kSet, nullptr, set, check_set},
    {CommandId::kSetNx, nullptr, set_nx},
    {CommandId::kSetEx, nullptr, set_ex, check_set_ex},
    {CommandId::kPSetEx, nullptr, p_set_ex, check_p_set_ex},
    {CommandId::kGetSet, nullptr, get_set},
    {CommandId::kGetDel, nullptr, get_del},
    {CommandId::kGetEx, nullptr, get_ex, check_get_ex},
    {CommandId::kAppend, nullptr, append},
    {CommandId::kStrLen, str_len},
    {CommandId::kGetRange, get_range, nullptr, check_get_range},
    {CommandId::kSetRange, nullptr, set_range, check_set_range},
    {CommandId::kIncr, nullptr, incr},
    {CommandId::kDecr, nullptr, decr},
    {CommandId::kIncrBy, nullptr, incr_by, check_incr_by},
    {CommandId::kDecrBy, nullptr, decr_by, check_decr_by},
    {CommandId::kIncrByFloat, nullptr, incr_by_float, check_incr_by_float},
    {CommandId::kMGet, m_get, nullptr, nullptr, m_get_step},
    {CommandId::kMSet, nullptr, m_set, check_m_set, nullptr, m_set_step},
    {CommandId::kMSetNx, nullptr, m_set_nx, check_m_set_nx, nullptr, m_set_nx_step},
    {CommandId::kCas, nullptr, cas},
    {CommandId::kCasVersion, nullptr, cas_version, check_cas_version},
    {CommandId::kVersion, version},
    {CommandId::kDel, nullptr, del, nullptr, nullptr, del_step},
    {CommandId::kUnlink, nullptr, del, nullptr, nullptr, del_step},
    {CommandId::kExists, exists, nullptr, nullptr, exists_step},
    {CommandId::kExpire, nullptr, expire, check_expire},
    {CommandId::kPExpire, nullptr, p_expire, check_p_expire},
    {CommandId::kExpireAt, nullptr, expire_at, check_expire_at},
    {CommandId::kPExpireAt, nullptr, p_expire_at, check_p_expire_at},
    {CommandId::kTtl, ttl},
    {CommandId::kPTtl, p_ttl},
    {CommandId::kExpireTime, expire_time},
    {CommandId::kPExpireTime, p_expire_time},
    {CommandId::kPersist, nullptr, persist},
    {CommandId::kType, type},
    {CommandId::kDbSize, db_size},
    {CommandId::kFlushAll, nullptr, flush_all, check_flush_all},
    {CommandId::kScan, scan, nullptr, check_scan},
    {CommandId::kTorcScan, torc_scan, nullptr, check_torc_scan},
    {CommandId::kTorcSlotSize, torc_slot_size, nullptr, check_torc_slot_size},
    {CommandId::kFlushDb, nullptr, flush_all, check_flush_all},
    {CommandId::kTorcSlotKeys, torc_slot_keys, nullptr, check_torc_slot_keys},
};

constexpr size_t kIdEnd = static_cast<size_t>(kCommandIdLast) + 1;

constexpr std::array<CommandRow, kIdEnd> make_index() {
  std::array<CommandRow, kIdEnd> index{};
  for (const CommandRow& row : kRows) index[static_cast<size_t>(row.id)] = row;
  return index;
}

constexpr auto kIndex = make_index();

}  // namespace

const CommandRow* row_of(CommandId id) {
  const auto i = static_cast<size_t>(id);
  return i < kIdEnd && kIndex[i].id != CommandId::kNone ? &kIndex[i] : nullptr;
}

}  // namespace torc::kv
