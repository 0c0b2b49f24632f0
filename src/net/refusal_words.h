// What clients are told when their command was not executed, or nobody knows: the only place that makes these words.
#pragma once

#include <string_view>

#include "kv/refusal.h"

namespace torc::net {

/// An error as RESP has it, its code first. UNKNOWN and EXECUTED: it may have been, or was, executed; TRYAGAIN: send it
/// again, under its label if it has one (docs/resp.md). Client libraries know these codes: they stay as they are.
/// Of kNotBorn only the code: the node knows why (node::Service::explanation).
std::string_view words_of(kv::Refusal refusal);

}  // namespace torc::net
