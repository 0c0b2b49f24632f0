#include "net/name_lookup.h"

#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace torc::net {

struct NameLookup::Door {
  std::mutex mutex;
  host::EventLoop* loop;  // guarded by mutex; null once nobody wants an answer

  void post(std::function<void()> work) {
    const std::lock_guard lock(mutex);
    if (loop != nullptr) loop->post(std::move(work));
  }
};

NameLookup::NameLookup(host::EventLoop& loop, Resolve resolve)
    : door_(std::make_shared<Door>()), resolve_(std::move(resolve)) {
  door_->loop = &loop;
}

NameLookup::~NameLookup() {
  const std::lock_guard lock(door_->mutex);
  door_->loop = nullptr;
}

void NameLookup::look_up(const std::string& address, Answer answer) {
  // Posted work may run after this object is gone: the door tells.
  const auto tell = [door = door_, answer = std::move(answer)](Result<std::vector<SocketAddress>> found) {
    door->post([door, answer, found = std::move(found)] {
      bool is_wanted;
      {
        const std::lock_guard lock(door->mutex);
        is_wanted = door->loop != nullptr;
      }
      if (is_wanted) answer(found);
    });
  };
  if (const std::optional<SocketAddress> known = numeric_address(address)) return tell(std::vector{*known});
  try {
    std::thread([resolve = resolve_, address, tell] { tell(resolve(address)); }).detach();
  } catch (const std::system_error&) {
    tell(Error{ErrorCode::kUnavailable, "cannot resolve " + address + ": no thread to do so"});
  }
}

}  // namespace torc::net
