// Activity: what runs in a worker right now, on a page that the worker writes and its parent reads. It tells whose
// native call does not return, and who was at work when the worker died. The parent believes nothing of it: a worker
// that lies here can only have its own items blamed.
#pragma once
#include <atomic>
#include <utility>

#include "base/file.h"
#include "exec/watch.h"

namespace mrun {

struct Running {
  uint64_t tag = 0;
  int64_t end = 0;  // nanoseconds of the steady clock, which both processes share
  const char *stage = "";
};

class Activity final : public Watch {
 public:
  // Without the memory, where the system gives none (a limit of file sizes is one of memory, too), nothing is noted: a call
  // that does not return is then ended later, and who is guilty is found by running items alone.
  Activity();                 // makes the memory
  explicit Activity(int fd);  // maps what another process made
  ~Activity() override;
  Activity(const Activity &) = delete;
  Activity &operator=(const Activity &) = delete;
  int fd() const { return fd_.get(); }

  int begins(uint64_t tag, int64_t end, const char *stage) noexcept override;
  void moves(int place, const char *stage) noexcept override;
  void ends(int place) noexcept override;
  // Each of what runs. Wants no memory.
  template <class F>
  void for_each_running(F &&see) const {
    Running running;
    for (size_t i = 0; i < count && slots_ != nullptr; ++i) {
      if (read(i, running)) see(std::as_const(running));
    }
  }

 private:
  struct Slot {
    std::atomic<uint64_t> tag;  // 0: free
    std::atomic<int64_t> end;   // 0: the slot is not valid yet, or not any more
    std::atomic<uint32_t> stage;
  };
  static_assert(std::atomic<uint64_t>::is_always_lock_free);
  static constexpr size_t count = 4096;  // slices and shares of joined calls; more are not noted
  static constexpr size_t bytes = count * sizeof(Slot);
  void map(int fd);
  bool read(size_t slot, Running &) const;  // false: nothing is noted there

  UniqueFd fd_;
  Slot *slots_ = nullptr;
};

}  // namespace mrun
