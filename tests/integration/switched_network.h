// A host for each node and a wire between each two of them, all simulated by the kernel: any wire can be cut alone.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cluster.h"
#include "own_namespace.h"
#include "process.h"

namespace torc::integration {

/// Every node has a network namespace; so has the test, and a wire to each node for the clients. Between two nodes the
/// wire runs through a bridge on the test's side; cut, it swallows frames and nobody is told, as when a switch forgets
/// a port. No frame leaves the machine. Lives longer than the cluster on it, and on the main thread (see Process).
class SwitchedNetwork final : public Premises {
 public:
  /// `scratch`: a file for what the tools print.
  SwitchedNetwork(int nodes, const std::string& scratch);
  ~SwitchedNetwork() override = default;

  std::optional<std::string> host(NodeNumber node) override { return "10.77.0." + std::to_string(node); }
  std::vector<std::string> entrance(NodeNumber node) override;
  void cut(NodeNumber a, NodeNumber b);
  void mend(NodeNumber a, NodeNumber b);

 private:
  std::string pid_of(NodeNumber node) const;
  void start_host(NodeNumber node);
  void connect_to_test(NodeNumber node);
  void connect_pair(NodeNumber a, NodeNumber b);
  /// Runs `ip` with these words, in the namespace of `at` (0: the test's).
  void ip(NodeNumber at, const std::string& words);

  OwnNamespace network_{OwnNamespace::Kind::kNetwork};
  std::string scratch_;
  std::vector<std::unique_ptr<Process>> hosts_;  // asleep: they keep the namespaces
};

}  // namespace torc::integration
