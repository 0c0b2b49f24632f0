// Test support: many stories at a time on one thread, one step of one of them at a time. Which one is the caller's
// choice, so a seed decides every interleaving.
#pragma once

#include <ucontext.h>

#include <cstdlib>
#include <exception>
#include <functional>
#include <memory>
#include <utility>

#if defined(__SANITIZE_ADDRESS__)
#define TORC_FIBERS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TORC_FIBERS_ASAN 1
#endif
#endif
#if defined(TORC_FIBERS_ASAN)
#include <sanitizer/common_interface_defs.h>
#endif

namespace torc::mapreduce {

/// A function on a stack of its own, which gives control back with yield() and goes on with resume().
class Fiber {
 public:
  explicit Fiber(std::function<void()> body) : body_(std::move(body)), stack_(new char[kStackBytes]) {
    ::getcontext(&own_);
    own_.uc_stack.ss_sp = stack_.get();
    own_.uc_stack.ss_size = kStackBytes;
    own_.uc_link = nullptr;
    const auto self = reinterpret_cast<uintptr_t>(this);
    ::makecontext(&own_, reinterpret_cast<void (*)()>(&Fiber::enter), 2, static_cast<unsigned>(self >> 32),
                  static_cast<unsigned>(self));
  }
  /// Requires: the body has ended.
  ~Fiber() = default;
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  bool has_ended() const { return has_ended_; }
  /// Runs the body until it yields or ends. Called from outside.
  void resume() { switch_to(own_, caller_, stack_.get(), kStackBytes); }
  /// Called from inside.
  void yield() { switch_to(caller_, own_, caller_stack_, caller_stack_bytes_); }

 private:
  static constexpr size_t kStackBytes = 256u << 10;

  static void enter(unsigned high, unsigned low) {
    auto* fiber = reinterpret_cast<Fiber*>(uintptr_t{high} << 32 | low);
    fiber->arrived(nullptr);
    fiber->body_();
    fiber->has_ended_ = true;
    fiber->yield();
    std::abort();  // nobody resumes it
  }
  void switch_to(ucontext_t& to, ucontext_t& from, [[maybe_unused]] const void* bottom, [[maybe_unused]] size_t bytes) {
    void* fake_stack = nullptr;
#if defined(TORC_FIBERS_ASAN)
    const bool is_last = has_ended_ && &from == &own_;
    __sanitizer_start_switch_fiber(is_last ? nullptr : &fake_stack, bottom, bytes);
#endif
    ::swapcontext(&from, &to);
    arrived(fake_stack);
  }
  void arrived([[maybe_unused]] void* fake_stack) {
#if defined(TORC_FIBERS_ASAN)
    const void* bottom = nullptr;
    size_t bytes = 0;
    __sanitizer_finish_switch_fiber(fake_stack, &bottom, &bytes);
    if (bottom != stack_.get()) {
      caller_stack_ = bottom;
      caller_stack_bytes_ = bytes;
    }
#endif
  }

  std::function<void()> body_;
  std::unique_ptr<char[]> stack_;
  ucontext_t own_{};
  ucontext_t caller_{};
  const void* caller_stack_ = nullptr;
  size_t caller_stack_bytes_ = 0;
  bool has_ended_ = false;
};

}  // namespace torc::mapreduce
