// The handles by which scripts hold tensors of an item's input. They let go when the item has been answered, so that its
// memory goes then and not when the state's collector finds the handles: what a script kept of its input is gone, and an
// error where it is used.
#pragma once
#include <cstdint>

namespace mrun {

struct Handle;

// From before the item's first fiber to after its last. Any thread; the handles of a root are touched by the thread that
// has their state.
void begin_input(uint64_t root);
void end_input(uint64_t root);

// Notes a new handle of a tensor, where its memory is a living item's input.
void note_input(Handle &);

bool is_gone(const Handle *);
inline constexpr const char *gone_text =
    "a tensor of an earlier item's input, which went with that item's answer: clone() what is to be kept";

}  // namespace mrun
