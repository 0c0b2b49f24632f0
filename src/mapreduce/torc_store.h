// The store of a job in Torc.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "client/client.h"
#include "mapreduce/key_store.h"

namespace torc::mapreduce {

/// Waits for a cluster that is away, up to its patience. Not for several threads at once.
class TorcStore final : public KeyStore {
 public:
  struct Options {
    std::vector<client::Endpoint> nodes;
    std::chrono::milliseconds patience{300'000};
    /// Told once when the cluster is away, with what the client says, and once when it is back ("").
    std::function<void(const std::string&)> on_outage;
  };
  explicit TorcStore(Options options);

  Result<std::vector<std::optional<std::string>>> read(std::span<const std::string> keys) override;
  Result<Changed> create(const std::string& key, std::string_view value, Lifetime lifetime) override;
  Result<Changed> replace(const std::string& key, std::string_view expected, std::string_view value) override;
  Status erase(std::span<const std::string> keys) override;

 private:
  /// Until the cluster answers. Errors: kUnavailable: not within the patience. kInvalid: it refuses.
  Result<client::Answer> call(std::span<const std::string_view> words);

  Options options_;
  client::Client client_;
  bool is_away_ = false;
};

}  // namespace torc::mapreduce
