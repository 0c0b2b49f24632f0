#include "cli/exit_code.h"

namespace torc::cli {
namespace {

bool is_negative(std::string_view name, const wire::RespValue& reply) {
  if (reply.is_nil()) return true;
  if (reply.kind != wire::RespValue::Kind::kInteger) return false;
  if (name == "CAS" || name == "DEL") return reply.integer == 0;
  return name == "TTL" && reply.integer == -2;  // -1: it exists, without a deadline
}

}  // namespace

ExitCode exit_code_of(std::string_view name, const client::Answer& answer) {
  switch (answer.kind) {
    case client::Answer::Kind::kReply:
      return is_negative(name, answer.reply) ? kExitNegative : kExitOk;
    case client::Answer::Kind::kRefused:
      return kExitFailed;
    case client::Answer::Kind::kUnreachable:
      return kExitUnreachable;
    case client::Answer::Kind::kUnknown:
      return kExitUnknown;
  }
  return kExitFailed;
}

ExitCode exit_code_of(check::Verdict verdict) {
  switch (verdict) {
    case check::Verdict::kLinearizable:
      return kExitOk;
    case check::Verdict::kNotLinearizable:
      return kExitNotLinearizable;
    case check::Verdict::kUndecided:
      return kExitUndecided;
  }
  return kExitUndecided;
}

}  // namespace torc::cli
