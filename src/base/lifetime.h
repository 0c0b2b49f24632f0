// Callbacks that others hold may come after the object that they name is gone.
#pragma once

#include <memory>
#include <utility>

namespace torc {

/// A member of an object that hands out callbacks naming itself. Declare it last, so that it ends first. One thread.
class Lifetime {
 public:
  /// Knows whether the object still exists; may outlive it.
  class Watch {
   public:
    bool is_over() const { return life_.expired(); }

   private:
    friend class Lifetime;
    explicit Watch(const std::shared_ptr<char>& life) : life_(life) {}
    std::weak_ptr<char> life_;
  };

  Lifetime() = default;
  Lifetime(const Lifetime&) = delete;
  Lifetime& operator=(const Lifetime&) = delete;

  Watch watch() const { return Watch(life_); }

  /// `callback`, or nothing once the object is gone.
  template <typename Callback>
  auto bind(Callback callback) const {
    return [watch = watch(), callback = std::move(callback)](auto&&... arguments) mutable {
      if (!watch.is_over()) callback(std::forward<decltype(arguments)>(arguments)...);
    };
  }

 private:
  std::shared_ptr<char> life_ = std::make_shared<char>();
};

}  // namespace torc
