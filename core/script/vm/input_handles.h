// The handles by which scripts hold tensors of an item's input. They let go when the item has been answered, so that its
// memory goes then and not when the state's collector finds the handles: what a script kept of its input is gone, and an
// error where it is used.
#pragma once
#include <cstdint>

namespace mrun {

struct Handle;
struct ItemContext;

// From before the item's first fiber to after its last. Any thread; the handles of a root are touched by the thread that
// has the item's state.
void begin_input(uint64_t root, const ItemContext &);
void end_input(uint64_t root);

// Notes a new handle of a tensor, where its memory is the input of the item that runs. Not where it is another's, as a
// plugin may give: that one's handles are another thread's, and this one keeps its memory.
void note_input(Handle &, const ItemContext &running);

bool is_gone(const Handle *);
inline constexpr const char *gone_text =
    "a tensor of an earlier item's input, which went with that item's answer: clone() what is to be kept";

}  // namespace mrun
