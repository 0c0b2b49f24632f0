// Clients that stay within every limit of one command, or go one past it, and try what gathers: sizes, counts, equal
// deadlines, pipelines, sessions, readers that do not read, commands that never end.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "base/prng.h"
#include "resp_client.h"

namespace torc::integration {

/// What became of the commands, by the first words of the answer; and what no answer may be.
class Findings {
 public:
  void count(const Reply& reply);
  /// An answer that contradicts what was asked.
  void violate(const std::string& what);
  std::string text() const;
  std::vector<std::string> violations() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, uint64_t> counts_;
  std::vector<std::string> violations_;
};

/// One client after the other, each with an episode drawn from the seed. Used by one thread.
class WorkloadClient {
 public:
  WorkloadClient(std::vector<Address> nodes, uint64_t seed, Findings& findings);
  /// Connects to a node, plays one episode, and goes.
  void play();

 private:
  using Words = std::vector<std::string>;

  void sizes();
  void requests_near_the_limit();
  void equal_deadlines();
  void pipeline();
  void growth();
  void sessions();
  void many_names();
  void never_reads();
  void reads_slowly();
  void half_a_command();
  void comes_and_goes();
  void clears();

  RespClient connect();
  std::string key();
  const std::string& value();
  Words command();
  /// Sends all of them, then reads all answers. Their bytes, or those of the answers, are few.
  void converse(RespClient& client, const std::vector<Words>& commands);
  /// One command whose answer is known: an error that begins so, or any other answer ("").
  void expect(RespClient& client, const Words& words, const std::string& error);

  const std::vector<Address> nodes_;
  Prng prng_;
  Findings& findings_;
};

}  // namespace torc::integration
