#include "isolate/activity.h"

#include <sys/mman.h>

#include <cstring>

#include "isolate/shared_memory.h"

namespace mrun {
namespace {

constexpr const char *stages[] = {"input", "preprocess", "forward", "postprocess", "answer"};

uint32_t stage_number(const char *stage) {
  for (uint32_t i = 0; i < std::size(stages); ++i) {
    if (std::strcmp(stage, stages[i]) == 0) return i;
  }
  return 0;
}

}  // namespace

Activity::Activity() {
  try {
    fd_ = make_shared_memory(bytes);
    map(fd_.get());
  } catch (const Error &) { fd_.reset(); }
}

Activity::Activity(int fd) { map(fd); }

Activity::~Activity() {
  if (slots_ != nullptr) ::munmap(slots_, bytes);
}

void Activity::map(int fd) {
  void *const memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory != MAP_FAILED) slots_ = static_cast<Slot *>(memory);
}

// A slot is taken by its tag and valid while its end is not 0: so a reader sees none that is half written. A thread looks for
// one where it had its last: these lie in its core's cache.
int Activity::begins(uint64_t tag, int64_t end, const char *stage) noexcept {
  thread_local size_t first = 0;
  if (tag == 0 || slots_ == nullptr) return -1;
  for (size_t i = 0; i < count; ++i) {
    Slot &slot = slots_[(first + i) % count];
    uint64_t free = 0;
    if (slot.tag.load(std::memory_order_relaxed) != 0 || !slot.tag.compare_exchange_strong(free, tag)) continue;
    slot.stage.store(stage_number(stage), std::memory_order_relaxed);
    slot.end.store(end, std::memory_order_release);
    first = (first + i) % count;
    return static_cast<int>(first);
  }
  return -1;
}

void Activity::moves(int place, const char *stage) noexcept {
  slots_[place].stage.store(stage_number(stage), std::memory_order_relaxed);
}

// The end first: a tag without one is nobody's.
void Activity::ends(int place) noexcept {
  Slot &slot = slots_[place];
  slot.end.store(0, std::memory_order_release);
  slot.tag.store(0, std::memory_order_release);
}

// A slot that changes hands between the two loads gives the one's tag with the next one's end. That lies ahead, so nobody is
// found late by it; and of a worker that has died nothing changes any more.
bool Activity::read(size_t at, Running &running) const {
  const Slot &slot = slots_[at];
  running.tag = slot.tag.load(std::memory_order_acquire);
  running.end = slot.end.load(std::memory_order_acquire);
  running.stage = stages[slot.stage.load(std::memory_order_relaxed) % std::size(stages)];
  return running.tag != 0 && running.end != 0;  // else it begins or ends right now
}

}  // namespace mrun
