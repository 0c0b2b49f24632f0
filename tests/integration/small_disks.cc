#include "small_disks.h"

#include <sys/mount.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <stdexcept>

namespace torc::integration {

SmallDisks::SmallDisks(int nodes, uint64_t bytes) : nodes_(nodes) {
  path_ = std::filesystem::temp_directory_path() / "torc-disks-XXXXXX";
  if (::mkdtemp(path_.data()) == nullptr) throw std::runtime_error("cannot make a directory like " + path_);
  for (NodeNumber node = 1; node <= nodes_; ++node) {
    std::filesystem::create_directory(*disk(node));
    mount(node, bytes, false);
  }
}

SmallDisks::~SmallDisks() {
  for (NodeNumber node = 1; node <= nodes_; ++node) ::umount2(disk(node)->c_str(), MNT_DETACH);
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void SmallDisks::resize(NodeNumber node, uint64_t bytes) { mount(node, bytes, true); }

void SmallDisks::mount(NodeNumber node, uint64_t bytes, bool is_there) {
  const std::string size = "size=" + std::to_string(bytes);
  if (::mount("tmpfs", disk(node)->c_str(), "tmpfs", is_there ? MS_REMOUNT : 0, size.c_str()) != 0) {
    throw std::runtime_error("cannot mount a tmpfs of " + size + ": " + std::strerror(errno));
  }
}

std::optional<Reply> write_until_refused(Cluster& cluster, const std::string& prefix) {
  constexpr int kWritesMax = 200;
  const std::string value(1 << 20, 'v');
  RespClient client = cluster.connect(cluster.wait_for_leader(), Millis(20000));
  for (int i = 0; i < kWritesMax; ++i) {
    std::optional<Reply> reply = client.call({"SET", prefix + std::to_string(i % 20), value});
    if (!reply || reply->is_error()) return reply;
  }
  return std::nullopt;
}

}  // namespace torc::integration
