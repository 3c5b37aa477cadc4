// Arena: arrays of plain structs that a conversion needs for a moment; given back all at once. Every native call converts its
// arguments, and an allocation for each array would cost more than many a call. A Lua error may pass the frames that hold a
// Scope (errors.h), so what is made has no destructor, and scopes end in the reverse order of their making.
#pragma once
#include <cstddef>
#include <memory>
#include <type_traits>
#include <vector>

namespace mrun {

class Arena {
 public:
  template <class T>
  T *make(size_t count) {  // not initialized
    static_assert(std::is_trivially_destructible_v<T> && alignof(T) <= alignof(std::max_align_t));
    return static_cast<T *>(take(count * sizeof(T)));
  }

  // What is made while it lives goes with it.
  class Scope {
   public:
    explicit Scope(Arena &a) : arena_(a), block_(a.block_), used_(a.used_) {}
    ~Scope() {
      arena_.block_ = block_;
      arena_.used_ = used_;
      if (block_ == 0 && used_ == 0) arena_.shrink();
    }
    Scope(const Scope &) = delete;
    Scope &operator=(const Scope &) = delete;

   private:
    Arena &arena_;
    size_t block_, used_;
  };

 private:
  struct Block {
    std::unique_ptr<std::byte[]> memory;
    size_t size = 0;
  };
  void *take(size_t bytes);
  void shrink();  // keeps one small block
  std::vector<Block> blocks_;
  size_t block_ = 0, used_ = 0;  // the block in use, and how much of it
};

}  // namespace mrun
