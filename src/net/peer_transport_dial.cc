// The dialling side of the transport: a name, its addresses one after the other, a handshake, and again after a while.
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "net/peer_names.h"
#include "net/peer_transport.h"

namespace torc::net {

void PeerTransport::dial(Link& link) {
  const Peer& peer = peers_.at(link.peer);
  if (link.is_looking_up || link.dialing || link.connection || peer.is_blocked) return;
  link.is_looking_up = true;
  // Anew at each attempt: an address that changes, as they do where machines come and go, is noticed.
  names_.look_up(peer.address, [this, &link](const Result<std::vector<SocketAddress>>& found) {
    link.is_looking_up = false;
    if (link.dialing || link.connection || peers_.at(link.peer).is_blocked) return;
    if (!found.ok()) return on_dial_failed(link, found.error().message);
    link.addresses = *found;
    link.next_address = 0;
    try_next_address(link, "its name has no address");
  });
}

void PeerTransport::try_next_address(Link& link, const std::string& last_failure) {
  if (link.next_address == link.addresses.size()) return on_dial_failed(link, last_failure);
  const std::optional<Hello> introduction = own_introduction(link.peer, link.channel);
  if (!introduction) return dial_later(link, options_.retry_delay_min);
  const Result<int> fd = start_connect(link.addresses[link.next_address++]);
  if (!fd) return try_next_address(link, fd.error().message);
  link.dialing =
      std::make_unique<PeerHandshake>(loop_, *fd, introduction, options_.handshake_timeout,
                                      [this, &link](Result<Hello> hello) { on_dialed(link, std::move(hello)); });
}

void PeerTransport::retire_dialing(Link& link) {
  link.dialing->end();
  retired_.push_back(std::exchange(link.dialing, nullptr));
}

void PeerTransport::on_dialed(Link& link, Result<Hello> hello) {
  if (!hello.ok()) {
    retire_dialing(link);
    return try_next_address(link, hello.error().message);
  }
  if (hello->sender != link.peer) {
    retire_dialing(link);
    return try_next_address(
        link, node_name(options_.self) + " called " + node_name(link.peer) + ", and " + node_name(hello->sender) +
                  " answers there: the addresses in --initial-cluster of " + node_name(options_.self) + " are wrong");
  }
  switch (hello->kind) {
    case HelloKind::kIntroduction:
      return on_answer(link, *hello);
    case HelloKind::kRefusal:
      retire_dialing(link);
      return on_refused(link, hello->refusal);
    case HelloKind::kLater:
    case HelloKind::kWelcome:
      retire_dialing(link);
      return dial_later(link, options_.retry_delay_min);
  }
}

void PeerTransport::on_answer(Link& link, const Hello& answer) {
  env::Admission admission = admit(answer, link.addresses[link.next_address - 1].text());
  switch (admission.verdict) {
    case env::Admission::Verdict::kWelcome: {
      const bool is_sent = link.dialing->send(own_hello(HelloKind::kWelcome, link.peer, link.channel));
      const int fd = is_sent ? link.dialing->take_fd() : -1;
      retire_dialing(link);
      if (!is_sent) return on_dial_failed(link, "hung up");
      return establish(link, fd, admission.ends_earlier);
    }
    case env::Admission::Verdict::kLater:
      retire_dialing(link);
      return dial_later(link, options_.retry_delay_min);
    case env::Admission::Verdict::kRefused:
      break;
  }
  Hello refusal = own_hello(HelloKind::kRefusal, link.peer, link.channel);
  refusal.refusal = std::move(admission.refusal);
  link.dialing->send_last(refusal);
  retire_dialing(link);
  on_dial_failed(link, refusal.refusal.reason);
}

void PeerTransport::on_refused(Link& link, const env::Refusal& refusal) {
  on_refused_by(link.peer, refusal);
  dial_later_and_later(link);
}

void PeerTransport::on_dial_failed(Link& link, const std::string& reason) {
  const std::string name = link_name(link.peer, link.channel);
  const std::string text = "no connection to " + name + " at " + peers_.at(link.peer).address + ": " + reason;
  if (link.failure != reason) {  // once per outage and cause
    link.failure = reason;
    tell(NoticeLevel::kWarning, text + "; will keep trying", "no connection " + name);
  }
  handler_->on_refused(link.peer, {{}, text, {}});
  dial_later_and_later(link);
}

void PeerTransport::dial_later_and_later(Link& link) {
  // Between half and all of the delay, so that nodes that lost each other at one instant do not return at one.
  const auto delay_ns = static_cast<uint64_t>(link.retry_delay.count());
  link.retry_delay = std::min(2 * link.retry_delay, options_.retry_delay_max);
  dial_later(link, Duration(static_cast<int64_t>(prng_.between(delay_ns / 2, delay_ns))));
}

void PeerTransport::dial_later(Link& link, Duration delay) {
  if (peers_.at(link.peer).is_blocked) return;
  loop_.clock().cancel(link.retry_timer);
  link.retry_timer = loop_.clock().call_at(loop_.clock().now() + delay, [this, &link] {
    link.retry_timer = 0;
    dial(link);
  });
}

}  // namespace torc::net
