// What a value's `owner` points to: memory shared by counted references, on any thread.
#pragma once
#include <atomic>
#include <cstdint>

namespace mrun {

// Made with one reference, its maker's. The last release destroys it, on whatever thread that is.
struct Block {
  Block() = default;
  Block(const Block &) = delete;
  Block &operator=(const Block &) = delete;
  virtual ~Block() = default;
  void retain() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  void release() noexcept {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) destroy();
  }

  uint32_t references() const noexcept { return references_.load(std::memory_order_acquire); }

 private:
  void destroy() noexcept;  // not deeper into the stack than a fixed number of blocks that hold each other
  std::atomic<uint32_t> references_{1};
  Block *next_ = nullptr;  // while it waits to be destroyed
};

}  // namespace mrun
