// Watch: who is told which items run right now, and until when they may. For whoever ends the process from outside when
// one does not return, and wants to know afterwards whose slice or joined call it was.
#pragma once
#include <cstdint>

namespace mrun {

class Watch {
 public:
  virtual ~Watch() = default;
  // A slice of the item `tag`, or its share of a joined call, begins and should be over at `end`, in nanoseconds of the
  // steady clock. stage: "input" to "answer". Returns what `ends` is given, -1 where nothing is noted. Any thread; quick.
  virtual int begins(uint64_t tag, int64_t end, const char *stage) noexcept = 0;
  virtual void moves(int place, const char *stage) noexcept = 0;  // to its next stage
  virtual void ends(int place) noexcept = 0;
};

}  // namespace mrun
