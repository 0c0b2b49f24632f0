#include "node/gathering.h"

#include "base/check.h"

namespace torc::node {

void Gathering::Sum::integer(int64_t value) {
  ++executed;
  is_number = true;
  total += value;
}

/// One after which nobody knows weighs more than one that is definite.
void Gathering::Sum::refusal(kv::Refusal refusal) {
  if (!refused || (kv::is_definite(*refused) && !kv::is_definite(refusal))) refused = refusal;
}

Gathering::Gathering(Clients& clients, const Request& request, size_t groups)
    : clients_(clients),
      waiter_(request.waiter),
      is_write_(request.is_write),
      is_labelled_(request.label.has_value()),
      client_(clients.open(*this)),
      left_(groups) {
  CHECK(groups > 0);
}

Gathering::~Gathering() { clients_.close(client_); }

void Gathering::end_reply(Ticket) {
  CHECK(left_ > 0) << "answered twice";
  if (--left_ == 0) answer();
}

void Gathering::answer() {
  kv::ReplySink& sink = clients_.begin(waiter_);
  if (sum_.refused) {
    sink.refusal(refusal_of_all());
  } else if (!sum_.error_text.empty()) {
    sink.error(sum_.error_text);
  } else if (sum_.is_number) {
    sink.integer(sum_.total);
  } else {
    sink.ok();
  }
  clients_.end(waiter_);
}

/// "Not executed" would be false if another group has executed it.
kv::Refusal Gathering::refusal_of_all() const {
  if (!is_write_ || sum_.executed == 0 || !kv::is_definite(*sum_.refused)) return *sum_.refused;
  return is_labelled_ ? kv::Refusal::kSendSameCallAgain : kv::Refusal::kUnknownOutcome;
}

}  // namespace torc::node
