// Any bytes as a snapshot's stream, in chunks behind checksums that fit: refused, or staged and installed to exactly
// what they say, beside a neighbour on the same store of which nothing changes. The first byte says how the stream is
// cut, the second whether the rest is a whole stream or what follows a good head.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/codec.h"
#include "base/crc32c.h"
#include "sim/checkpoint_store.h"
#include "storage/checkpointer.h"
#include "storage/snapshot_sink.h"
#include "storage/snapshot_source.h"

namespace torc::storage {
namespace {

constexpr GroupId kGroup{1};
constexpr Arc kArc{0, 8192};

/// The first key that can be another group's.
std::string neighbours_key() { return kv::images_of(kArc).end; }

std::string read_back(env::CheckpointStore& store) {
  auto source = SnapshotSource::open(store, kGroup);
  CHECK(source.ok()) << source.error().message;
  std::string stream;
  while (!(*source)->is_at_end()) stream += (*source)->next().value().bytes.view();
  return stream;
}

/// Version and head of a state that is empty apart from its counters: forged images get as far as their own checks.
std::string good_head() {
  kv::StateMachine state({0, kArc});
  state.skip(LogIndex(9));
  sim::CheckpointStore store;
  Checkpointer checkpointer(store, kGroup, state, [](const auto&) {});
  checkpointer.start(Term(2), {{{NodeId(1), ReplicaNumber(1)}}, {}, {}});
  while (checkpointer.step(1u << 20)) {
  }
  store.run_all();
  const std::string stream = read_back(store);
  return stream.substr(0, stream.size() - 9);
}

void take(std::string_view stream, size_t piece) {
  sim::CheckpointStore store;
  {
    const auto neighbour = store.begin();
    neighbour->put(neighbours_key(), "v");
    neighbour->commit([](const Status&) {});
    store.run_all();
  }
  SnapshotSink sink(store, kGroup, {0, kArc});
  uint32_t checksum = 0;
  for (std::string_view rest = stream; !rest.empty();) {
    const std::string_view bytes = rest.substr(0, piece);
    rest.remove_prefix(bytes.size());
    checksum = crc32c(bytes, checksum);
    if (!sink.take(bytes, checksum, rest.empty()).ok()) return;
  }
  if (!sink.is_complete()) return;
  bool is_durable = false;
  sink.commit([&](const Status& status) { is_durable = status.ok(); });
  store.run_all();
  CHECK(is_durable);
  const std::unique_ptr<kv::StateMachine> state = sink.take_state();
  CHECK(state->applied() == sink.meta()->index);

  kv::StateMachine restored({0, kArc});
  const auto meta = load_checkpoint(store, kGroup);
  CHECK(meta.ok() && meta->has_value());
  const Status filled = restore_checkpoint(store, **meta, restored);
  CHECK(filled.ok()) << filled.error().message;
  CHECK(restored.digest() == state->digest());
  const auto reader = store.read();
  reader->seek(neighbours_key());
  CHECK(reader->valid() && reader->key() == neighbours_key());
}

}  // namespace
}  // namespace torc::storage

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::string head = torc::storage::good_head();
  if (size < 2) return 0;
  std::string stream = (data[1] & 1) != 0 ? head : std::string();
  stream.append(reinterpret_cast<const char*>(data) + 2, size - 2);
  torc::storage::take(stream, size_t{data[0]} + 1);
  return 0;
}
