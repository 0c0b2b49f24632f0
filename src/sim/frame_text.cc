#include "sim/frame_text.h"

#include <sstream>
#include <variant>

#include "wire/peer_message.h"

namespace torc::sim {
namespace {

struct Describe {
  std::ostringstream& out;

  void operator()(const consensus::PreVoteRequest& m) const {
    out << "pre-vote? term " << m.term << ", last " << m.last_index << "@" << m.last_term;
  }
  void operator()(const consensus::PreVoteReply& m) const {
    out << (m.granted ? "pre-vote granted" : "pre-vote refused") << ", term " << m.term << ", last " << m.last_index
        << "@" << m.last_term << (m.hears_leader ? ", hears a leader" : "");
  }
  void operator()(const consensus::VoteRequest& m) const {
    out << "vote? term " << m.term << ", last " << m.last_index << "@" << m.last_term
        << (m.transfer ? ", transfer" : "");
  }
  void operator()(const consensus::VoteReply& m) const {
    out << (m.granted ? "vote granted" : "vote refused") << ", term " << m.term;
  }
  void operator()(const consensus::AppendRequest& m) const {
    out << "append term " << m.term << ", after " << m.prev_index << "@" << m.prev_term << ", " << m.entries.size()
        << " entries, commit " << m.commit;
  }
  void operator()(const consensus::AppendReply& m) const {
    out << (m.accepted ? "append accepted" : "append rejected") << ", term " << m.term;
    if (m.accepted) {
      out << ", match " << m.match_index;
    } else {
      out << ", after " << m.prev_index << ", hint " << m.hint_index << "@" << m.hint_term;
    }
  }
  void operator()(const consensus::HeartbeatRequest& m) const {
    out << "heartbeat term " << m.term << ", commit " << m.commit << ", stamp " << m.stamp;
  }
  void operator()(const consensus::HeartbeatReply& m) const {
    out << "heartbeat reply, term " << m.term << ", last " << m.last_index << ", stamp " << m.stamp;
  }
  void operator()(const consensus::TimeoutNow& m) const { out << "timeout now, term " << m.term; }

  void operator()(const consensus::PullRequest& m) const {
    out << "pull? after " << m.prev_index << "@" << m.prev_term;
  }
  void operator()(const consensus::PullReply& m) const {
    out << "pulled, term " << m.term << ", after " << m.prev_index << "@" << m.prev_term << ", " << m.entries.size()
        << " entries of " << m.last_index << "@" << m.last_term << ", commit " << m.commit
        << (m.needs_snapshot ? ", needs a snapshot" : "");
  }

  void operator()(const consensus::Message& m) const { std::visit(*this, m.body); }
  void operator()(const wire::Beat& beat) const {
    out << "beat " << (beat.number & 0xffff) << ":";
    for (const wire::Heartbeat& one : beat.heartbeats) {
      out << " [g" << one.group << " ";
      (*this)(one.request);
      out << "]";
    }
  }
  void operator()(const wire::BeatReply& reply) const {
    out << "beat reply " << (reply.number & 0xffff) << ": all follow";
    for (const wire::BeatException& one : reply.exceptions) {
      out << (one.last_index ? ", but #" : ", but not #") << one.position;
      if (one.last_index) out << " with last " << *one.last_index;
    }
  }
  void operator()(const wire::Pack& pack) const {
    out << "pack of " << pack.parts.size() << ":";
    for (size_t i = 0; i < pack.parts.size(); ++i) {
      const Result<wire::PeerMessage> message = wire::decode_part(pack, i);
      out << (i == 0 ? " (" : "; (");
      if (message.ok()) std::visit(*this, *message);
      out << (message.ok() ? ")" : "not a message: " + message.error().message + ")");
    }
  }
  void operator()(const wire::TwinReport& r) const { out << "twins of n" << r.node; }
  void operator()(const wire::Meet& m) const {
    out << "meet, incarnation " << m.incarnation << ", roster of " << m.roster.size() << (m.is_born ? ", born" : "");
  }
  void operator()(const wire::ForwardRequest& m) const {
    out << (m.commands.empty() ? "forward probe, " : "forward ") << m.commands.size() << " commands, epoch " << m.epoch
        << ", batch " << m.batch << ", session " << m.session << ", floor " << m.floor
        << (m.wants_relay ? ", to be relayed" : "");
    if (m.is_relayed) out << ", relayed for n" << m.origin;
  }
  void operator()(const wire::ClockReport& m) const {
    out << "clock shows " << m.wall << (m.is_disk_full ? ", disk is full" : "");
  }
  void operator()(const wire::ForwardReply& m) const {
    out << (m.is_rejected ? "forward rejected" : "forward reply") << ", epoch " << m.epoch << ", batch " << m.batch
        << ", " << m.replies.size() << " replies" << (m.is_probe ? ", to a probe" : "");
    if (m.origin) out << ", for n" << m.origin;
  }
  void operator()(const wire::SnapshotChunk& m) const {
    out << "snapshot " << (m.stream & 0xffff) << ", term " << m.term << ", " << m.bytes.size() << " bytes at "
        << m.offset << (m.is_last ? ", the last" : "");
  }
  void operator()(const wire::SnapshotReply& m) const {
    out << "snapshot " << (m.stream & 0xffff) << ": ";
    switch (m.progress) {
      case wire::SnapshotProgress::kReceiving:
        out << "go on at " << m.next_offset;
        break;
      case wire::SnapshotProgress::kDone:
        out << "done";
        break;
      case wire::SnapshotProgress::kRefused:
        out << "refused";
        break;
    }
  }
};

}  // namespace

std::string frame_text(const Bytes& body) {
  const Result<wire::PeerMessage> message = wire::decode(body);
  if (!message.ok()) return "not a message: " + message.error().message;
  std::ostringstream out;
  std::visit(Describe{out}, *message);
  return out.str();
}

}  // namespace torc::sim
