// A small file system for each node, in memory: full when it is full, and made larger to end that.
#pragma once

#include <cstdint>
#include <string>

#include "cluster.h"
#include "own_namespace.h"

namespace torc::integration {

/// Two segments of the log, the reserve, and a little.
constexpr uint64_t kSmallDiskBytes = 160u << 20;
constexpr uint64_t kSpaciousDiskBytes = 1u << 30;

/// Mounted in a mount namespace of the test's own. Lives longer than the cluster on it.
class SmallDisks final : public Premises {
 public:
  SmallDisks(int nodes, uint64_t bytes);
  ~SmallDisks() override;

  std::optional<std::string> disk(NodeNumber node) override { return path_ + "/" + std::to_string(node); }
  void resize(NodeNumber node, uint64_t bytes);

 private:
  void mount(NodeNumber node, uint64_t bytes, bool is_there);

  OwnNamespace mounts_{OwnNamespace::Kind::kMounts};
  int nodes_;
  std::string path_;
};

/// Large values, at the leader; what the refusal said. Nothing: none came, or no answer.
std::optional<Reply> write_until_refused(Cluster& cluster, const std::string& prefix);

}  // namespace torc::integration
