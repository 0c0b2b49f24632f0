#include "own_namespace.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace torc::integration {
namespace {

int flag_of(OwnNamespace::Kind kind) { return kind == OwnNamespace::Kind::kMounts ? CLONE_NEWNS : CLONE_NEWNET; }

const char* path_of(OwnNamespace::Kind kind) {
  return kind == OwnNamespace::Kind::kMounts ? "/proc/thread-self/ns/mnt" : "/proc/thread-self/ns/net";
}

/// 0, or errno. Mounts made from now on are not passed on to where we came from.
int enter(OwnNamespace::Kind kind) {
  if (::unshare(flag_of(kind)) != 0) return errno;
  const bool is_private =
      kind != OwnNamespace::Kind::kMounts || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
  return is_private ? 0 : errno;
}

}  // namespace

OwnNamespace::OwnNamespace(Kind kind) : kind_(kind), former_(::open(path_of(kind), O_RDONLY | O_CLOEXEC)) {
  const int error = former_ < 0 ? errno : enter(kind);
  if (error != 0) throw std::runtime_error(std::string("no namespace of its own: ") + std::strerror(error));
}

OwnNamespace::~OwnNamespace() {
  ::setns(former_, flag_of(kind_));
  ::close(former_);
}

std::string OwnNamespace::refusal(Kind kind) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(enter(kind));
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return "";
  return std::string(kind == Kind::kMounts ? "mount" : "network") +
         " namespaces may not be made here (run as root to test this): " +
         std::strerror(WIFEXITED(status) ? WEXITSTATUS(status) : EPERM);
}

}  // namespace torc::integration
