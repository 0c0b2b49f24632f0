// A mount namespace, or a network, that only this test sees. Nothing of it outlives the test program, however it ends:
// the kernel takes it down with its last process.
#pragma once

#include <string>

namespace torc::integration {

/// Moves the calling thread, and the threads and processes it starts from then on, into new namespaces; the destructor
/// moves the thread back. Needs root, or the right to make namespaces.
class OwnNamespace {
 public:
  enum class Kind { kMounts, kNetwork };
  /// Throws std::runtime_error where refusal() has something to say.
  explicit OwnNamespace(Kind kind);
  ~OwnNamespace();
  OwnNamespace(const OwnNamespace&) = delete;
  OwnNamespace& operator=(const OwnNamespace&) = delete;

  /// Why this cannot be had here, in a sentence for a person; empty if it can. Tries it in a child process.
  static std::string refusal(Kind kind);

 private:
  Kind kind_;
  int former_ = -1;
};

}  // namespace torc::integration
