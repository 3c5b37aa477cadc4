// The order in which the keys of a table are visited: that of traversal.h.
//
// 1..n first, then the other keys in a fixed order, so that a script does the same every time. Numbers rise, strings come in byte
// order, then false and true; keys that are tables, functions or userdata come last, in no promised order.
#pragma once
#include <cstddef>
#include <cstdint>
#include <limits>
#include <lua.hpp>

#include "script/vm/hook.h"

namespace mrun {

inline constexpr int poll_period = 1 << 14;  // keys between two looks at the limits

enum Rank : uint32_t { element, number, string, boolean, other };

struct Key {
  uint64_t number;   // in the order of the keys of its rank: of a string its first eight bytes
  const char *text;  // of a string
  uint32_t size;
  uint32_t rank : 3;    // see Rank
  uint32_t place : 29;  // in the list of keys as they were found
};

// Which keys of a table are meant: those that are not 1..after. Of them 1..elements come first.
struct Part {
  size_t after = 0, elements = 0;
};

bool before(const Key &, const Key &);

// Whether the value at `index` is one of 1..length.
bool in_list(lua_State *, int index, size_t length);

// The key at `index`, of a table whose first keys are 1..elements.
Key key_at(lua_State *, int index, int place, size_t elements);

// Calls each() with every key of the table at `t` that is not 1..after on top of the stack, in LuaJIT's own order.
template <class F>
void each_other(lua_State *L, int t, size_t after, F &&each) {
  int seen = 0;
  for (lua_pushnil(L); lua_next(L, t) != 0;) {
    lua_pop(L, 1);
    if (++seen % poll_period == 0) poll(L);
    if (!in_list(L, -1, after)) each();
  }
}

// Pushes a list of the keys of the table at `t` that are not 1..after, those of no promised order last. Returns how
// many the others are.
int push_found(lua_State *, int t, size_t after);

// What orders the first `count` keys of the list at `found`.
void fill_keys(lua_State *, int found, Key *, int count, size_t elements);

// The least `wanted` of these in order; the others stand behind.
void sort_keys(lua_State *, Key *, int count, int wanted);

// Pushes a list of these keys of the table at `t`, in order.
void push_keys(lua_State *, int t, Part);

// Pushes the first key of these behind the one at `after` (0: of all), nil where there is none. Returns how many there
// are, looking at no more than `most` + 1. Costs no memory.
int push_least(lua_State *, int t, Part, int after, int most = std::numeric_limits<int>::max());

}  // namespace mrun
