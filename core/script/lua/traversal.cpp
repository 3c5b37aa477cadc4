#include "script/lua/traversal.h"

#include <algorithm>
#include <cstdint>

#include "script/bridge/constant.h"
#include "script/bridge/convert.h"
#include "script/lua/key_order.h"
#include "script/lua/library.h"
#include "script/vm/errors.h"
#include "script/vm/frozen.h"
#include "script/vm/hook.h"

namespace mrun {
namespace {

// Replaces a params table or a frozen module at `index` by a plain one.
void unwrap(lua_State *L, int index, const char *function) {
  if (const Handle *handle = handle_at(L, index, Handle::constant)) {
    const auto &v = reinterpret_cast<const Value &>(handle->held);
    lua_newtable(L);
    if (v.is_list()) {
      int i = 0;
      for (const Value &item : v.as_list()) {
        if (item.is_map() || item.is_list()) {
          push_constant(L, item);
        } else {
          push_value(L, item, true);
        }
        lua_rawseti(L, -2, ++i);
      }
    } else {
      for (const Entry &e : v.as_map()) {
        lua_pushlstring(L, e.key().data(), e.key().size());
        if (e.value().is_map() || e.value().is_list()) {
          push_constant(L, e.value());
        } else {
          push_value(L, e.value(), true);
        }
        lua_rawset(L, -3);
      }
    }
    lua_replace(L, index);
  } else if (push_frozen(L, index)) {
    lua_replace(L, index);
  } else if (lua_type(L, index) != LUA_TTABLE) {
    fail(MRUN_ARGUMENT, "{}: want a table, got {}", function, describe_lua(L, index));
  }
}

// The value of the key on top of the stack, above it; false, and the key gone, where it has been removed.
bool push_value_of(lua_State *L, int t) {
  lua_pushvalue(L, -1);
  lua_rawget(L, t);
  if (!lua_isnil(L, -1)) return true;
  lua_pop(L, 2);
  return false;
}

// The first element behind place `from` of a list of `length`: pushes place and value.
bool push_next_element(lua_State *L, int t, size_t from, size_t length) {
  for (size_t i = from + 1; i <= length; ++i) {
    lua_rawgeti(L, t, static_cast<int>(i));
    if (!lua_isnil(L, -1)) {
      lua_pushnumber(L, static_cast<double>(i));
      lua_insert(L, -2);
      return true;
    }
    lua_pop(L, 1);
  }
  return false;
}

// ---- next. Of a table with many keys it remembers their order, so that going through it, or emptying it, does not cost
// its square: what has been set since comes behind, where one comes to the end. Fields of a memory: 1 the keys, 2 their
// places, 3 how many at the front were gone, 4 how many of 1..n they began with, which they do where a list is emptied from its
// front. `true` instead: a pairs asked for the first key and for no other so far.

constexpr int small_table = 256;

// Whether the first elements of the list at `t` are gone: to look for the first that is left, at each visit, costs the
// list's square.
bool front_is_gone(lua_State *L, int t, size_t length) {
  if (length <= small_table) return false;
  bool gone = true;
  for (int i = 1; gone && i <= small_table; ++i) {
    lua_rawgeti(L, t, i);
    gone = lua_isnil(L, -1);
    lua_pop(L, 1);
  }
  return gone;
}

// The places of the keys in the list at `keys`, from place `from` on, into the table at `places`.
void set_places(lua_State *L, int keys, int places, int from) {
  for (int i = from; i <= static_cast<int>(lua_objlen(L, keys)); ++i) {
    if (i % poll_period == 0) poll(L);
    lua_rawgeti(L, keys, i);
    lua_pushinteger(L, i);
    lua_rawset(L, places);
  }
}

int integer_at(lua_State *L, int table, int place) {
  lua_rawgeti(L, table, place);
  const auto i = static_cast<int>(lua_tointeger(L, -1));
  lua_pop(L, 1);
  return i;
}

// Pushes the memory of the table at 1, its keys and places; makes it where there is none for these keys, or anew.
void push_memory(lua_State *L, Vm &vm, Part part, bool anew) {
  push_anchor(L, vm.anchors.visited);
  const int all = lua_gettop(L);
  lua_pushvalue(L, 1);
  lua_rawget(L, all);
  if (!lua_istable(L, -1) || anew || (integer_at(L, all + 1, 4) > 0) != (part.elements > 0)) {
    lua_pop(L, 1);
    lua_createtable(L, 4, 0);
    push_keys(L, 1, part);
    lua_createtable(L, 0, static_cast<int>(lua_objlen(L, -1)));
    set_places(L, all + 2, all + 3, 1);
    lua_rawseti(L, all + 1, 2);
    lua_rawseti(L, all + 1, 1);
    lua_pushinteger(L, 0);
    lua_rawseti(L, all + 1, 3);
    lua_pushnumber(L, static_cast<double>(part.elements));
    lua_rawseti(L, all + 1, 4);
    lua_pushvalue(L, 1);
    lua_pushvalue(L, all + 1);
    lua_rawset(L, all);
  }
  lua_remove(L, all);
  lua_rawgeti(L, all, 1);
  lua_rawgeti(L, all, 2);
}

// Puts the keys that the memory does not have, or had as gone, behind it; false where there are none.
bool add_unknown(lua_State *L, int memory, Part part) {
  const int keys = memory + 1, places = memory + 2, gone = integer_at(L, memory, 3);
  lua_newtable(L);
  const int unknown = lua_gettop(L);
  each_other(L, 1, part.after, [&] {
    lua_pushvalue(L, -1);
    lua_rawget(L, places);
    const bool known = lua_tointeger(L, -1) > gone;
    lua_pop(L, 1);
    if (known) return;
    lua_pushvalue(L, -1);
    lua_pushboolean(L, 1);
    lua_rawset(L, unknown);
  });
  push_keys(L, unknown, {0, part.elements});
  const int count = static_cast<int>(lua_objlen(L, keys)), more = static_cast<int>(lua_objlen(L, -1));
  for (int i = 1; i <= more; ++i) {
    if (i % poll_period == 0) poll(L);
    lua_rawgeti(L, -1, i);
    lua_rawseti(L, keys, count + i);
  }
  set_places(L, keys, places, count + 1);
  lua_settop(L, places);
  return more > 0;
}

// The place that a memory has for the key at 2; 0: none.
int place_of(lua_State *L, int places) {
  lua_pushvalue(L, 2);
  lua_rawget(L, places);
  const auto place = static_cast<int>(lua_tointeger(L, -1));
  lua_pop(L, 1);
  return place;
}

// How many of the keys in the list at `keys`, all in order, come before the key at 2, which is not among them: it was
// removed when it still belonged to 1..n, say.
int place_before(lua_State *L, int keys, size_t elements) {
  const Key from = key_at(L, 2, 0, elements);
  if (from.rank == Rank::other) fail(MRUN_SCRIPT, "next: the table has no such key");
  int low = 0, high = static_cast<int>(lua_objlen(L, keys));
  while (low < high) {
    const int middle = low + (high - low) / 2;
    lua_rawgeti(L, keys, middle + 1);
    before(key_at(L, -1, 0, elements), from) ? low = middle + 1 : high = middle;
    lua_pop(L, 1);
  }
  return low;
}

// The next of these keys of the table at 1, behind the key at 2 (from the first: nil), and its value.
int next_remembered(lua_State *L, Vm &vm, Part part, bool from_first) {
  const int memory = lua_gettop(L) + 1, keys = memory + 1, places = memory + 2;
  push_memory(L, vm, part, false);
  int place = from_first ? integer_at(L, memory, 3) : place_of(L, places);
  if (!from_first && place == 0) {
    lua_settop(L, memory - 1);
    push_memory(L, vm, part, true);
    place = place_of(L, places);
    if (place == 0) place = place_before(L, keys, part.elements);
  }
  for (;;) {
    for (const int count = static_cast<int>(lua_objlen(L, keys)); place < count;) {
      lua_rawgeti(L, keys, ++place);
      if (in_list(L, -1, part.after)) {  // since it was remembered
        lua_pop(L, 1);
      } else if (push_value_of(L, 1)) {
        return 2;
      }
      if (!from_first) continue;
      lua_pushinteger(L, place);
      lua_rawseti(L, memory, 3);
    }
    if (from_first && place > 0) {  // all of them are gone
      lua_settop(L, memory - 1);
      push_memory(L, vm, part, true);
      if (lua_objlen(L, keys) == 0) return 0;
      place = 0;
    } else if (!add_unknown(L, memory, part)) {
      return 0;
    }
  }
}

enum class Memory { none, asked, order };

// What is remembered of the table at 1: how many of the keys were not gone, and how many of 1..n they began with.
struct Remembered {
  Memory memory = Memory::none;
  int left = 0;
  size_t elements = 0;
};

Remembered remembered_of(lua_State *L, const Vm &vm) {
  push_anchor(L, vm.anchors.visited);
  lua_pushvalue(L, 1);
  lua_rawget(L, -2);
  const int memory = lua_gettop(L);
  Remembered r;
  if (lua_istable(L, memory)) {
    lua_rawgeti(L, memory, 1);
    const auto count = static_cast<int>(lua_objlen(L, -1));
    r = {Memory::order, count - integer_at(L, memory, 3), static_cast<size_t>(integer_at(L, memory, 4))};
  } else if (!lua_isnil(L, memory)) {
    r.memory = Memory::asked;
  }
  lua_settop(L, memory - 2);
  return r;
}

// Instead of what is remembered of the table at 1: nothing, or that it was asked.
void set_asked(lua_State *L, const Vm &vm, bool asked) {
  push_anchor(L, vm.anchors.visited);
  lua_pushvalue(L, 1);
  asked ? lua_pushboolean(L, 1) : lua_pushnil(L);
  lua_rawset(L, -3);
  lua_pop(L, 1);
}

// The least of these keys of the table at 1, and its value, where they are few: -1 where they are not. Where many are
// remembered they are not looked for: LuaJIT would go over the places of all that are gone.
int small_first(lua_State *L, const Vm &vm, Part part) {
  const Remembered remembered = remembered_of(L, vm);
  if (remembered.left > small_table && (remembered.elements > 0) == (part.elements > 0)) return -1;
  const int top = lua_gettop(L);
  if (push_least(L, 1, part, 0, small_table) > small_table) {
    lua_settop(L, top);
    return -1;
  }
  if (remembered.memory != Memory::none) set_asked(L, vm, false);
  return !lua_isnil(L, -1) && push_value_of(L, 1) ? 2 : 0;
}

// The length that the table at 1 had when a loop began; where its front is gone, the greatest since next came to its end: an
// element that a loop has removed is one still, and what is left of the list comes behind it.
size_t longest(lua_State *L, const Vm &vm) {
  push_anchor(L, vm.anchors.lengths);
  lua_pushvalue(L, 1);
  lua_rawget(L, -2);
  const auto known = static_cast<size_t>(lua_tonumber(L, -1)), length = lua_objlen(L, 1);
  lua_rawgeti(L, 1, 1);
  const bool begins = lua_isnil(L, 2), whole = begins && !lua_isnil(L, -1);
  const size_t longest = whole ? length : std::max(length, known);
  lua_pop(L, 2);
  if (begins && longest != known) {
    lua_pushvalue(L, 1);
    lua_pushnumber(L, static_cast<double>(longest));
    lua_rawset(L, -3);
  }
  lua_pop(L, 1);
  return longest;
}

// next has come to the end of the table at 1.
void forget_longest(lua_State *L, const Vm &vm) {
  push_anchor(L, vm.anchors.lengths);
  lua_pushvalue(L, 1);
  lua_pushnil(L);
  lua_rawset(L, -3);
  lua_pop(L, 1);
}

// What next looks through for the key at 2, behind the elements where it goes through these: all of a list whose front
// is gone.
Part part_of_next(lua_State *L, const Vm &vm) {
  const size_t length = longest(L, vm);
  if (!lua_isnil(L, 2)) {
    const size_t elements = remembered_of(L, vm).elements;
    return elements > 0 ? Part{0, elements} : Part{length, 0};
  }
  return front_is_gone(L, 1, length) ? Part{0, length} : Part{length, 0};
}

int next(lua_State *L, Vm &vm) {
  lua_settop(L, 2);
  unwrap(L, 1, "next");
  const Part part = part_of_next(L, vm);
  const bool from_first = lua_isnil(L, 2) || in_list(L, 2, part.after);
  if (from_first && push_next_element(L, 1, static_cast<size_t>(lua_tonumber(L, 2)), part.after)) {
    // A front that has come back: what was remembered without it has another order.
    if (lua_isnil(L, 2) && remembered_of(L, vm).elements > 0) set_asked(L, vm, false);
    return 2;
  }
  lua_settop(L, 2);
  int found = -1;
  if (from_first) {
    found = small_first(L, vm, part);
  } else if (remembered_of(L, vm).memory != Memory::order && push_least(L, 1, part, 2, small_table) <= small_table) {
    found = !lua_isnil(L, -1) && push_value_of(L, 1) ? 2 : 0;
  }
  if (found < 0) {
    lua_settop(L, 2);
    found = next_remembered(L, vm, part, from_first);
  }
  if (found == 2) return 2;
  forget_longest(L, vm);
  lua_pushnil(L);
  return 1;
}

// ---- pairs. Upvalues: what was given, the table behind it, its length, its other keys as they were found (nil: none
// was asked for, false: the first was given), their order, the last step, the last key, the first other key.

enum PairsUpvalue {
  given_up = 1,
  table_up,
  length_up,
  keys_up,
  order_up,
  step_up,
  key_up,
  first_up,
  upvalues = first_up
};

// Keys put in order as far as the loop came: most loops that end early end soon, and looking for the first few costs a
// fraction of sorting all. Their texts are those of the list. `count` of them lie behind it.
struct Order {
  static constexpr int first_batch = 64, growth = 16;
  int count, sorted;
  Key *keys() { return reinterpret_cast<Key *>(this + 1); }
};
static_assert(sizeof(Order) % alignof(Key) == 0);

// The keys of the table at 1, as they are now, into the upvalues.
void start_order(lua_State *L, size_t length) {
  const int ordered = push_found(L, 1, length);
  auto *order = static_cast<Order *>(lua_newuserdata(L, sizeof(Order) + static_cast<size_t>(ordered) * sizeof(Key)));
  *order = {ordered, 0};
  fill_keys(L, lua_gettop(L) - 1, order->keys(), ordered, 0);
  lua_replace(L, lua_upvalueindex(order_up));
  lua_replace(L, lua_upvalueindex(keys_up));
}

// Pushes the key at `place` of their order, nil behind the last.
void push_ordered(lua_State *L, int place) {
  auto *order = static_cast<Order *>(lua_touserdata(L, lua_upvalueindex(order_up)));
  if (place <= order->count && place > order->sorted) {
    const int left = order->count - order->sorted;
    const int more = std::min(std::max(order->sorted * (Order::growth - 1), Order::first_batch), left);
    sort_keys(L, order->keys() + order->sorted, left, more);
    order->sorted += more;
  }
  lua_rawgeti(L, lua_upvalueindex(keys_up), place <= order->count ? order->keys()[place - 1].place : place);
}

// The first of these keys of the table at 1, and its value, found without sorting, as many loops end there: they look
// through the table once, and do what `next` does where one of them ended there before.
bool push_first(lua_State *L, Vm &vm, Part part) {
  const int found = small_first(L, vm, part);
  if (found >= 0) return found == 2;
  if (remembered_of(L, vm).memory != Memory::none) return next_remembered(L, vm, part, true) == 2;
  set_asked(L, vm, true);
  push_least(L, 1, part, 0);
  return !lua_isnil(L, -1) && push_value_of(L, 1);
}

// A loop that goes on does not end at the first key.
void forget_asked(lua_State *L, const Vm &vm) {
  if (remembered_of(L, vm).memory == Memory::asked) set_asked(L, vm, false);
}

// The next other key of the table at 1, and its value.
bool push_other(lua_State *L, Vm &vm, size_t length, size_t &step) {
  step = std::max(step, length);
  if (lua_isnil(L, lua_upvalueindex(keys_up))) {
    lua_pushboolean(L, 0);
    lua_replace(L, lua_upvalueindex(keys_up));
    const int first = lua_upvalueindex(first_up);  // not nil where a list's front was gone
    if (lua_isnil(L, first) || in_list(L, first, length)) {
      if (!push_first(L, vm, {length, 0})) return false;
      lua_pushvalue(L, -2);
      lua_replace(L, first);
      return true;
    }
  }
  if (lua_isboolean(L, lua_upvalueindex(keys_up))) {
    forget_asked(L, vm);
    start_order(L, length);
  }
  for (;;) {
    push_ordered(L, static_cast<int>(++step - length));
    if (lua_isnil(L, -1)) return false;
    if (lua_rawequal(L, -1, lua_upvalueindex(first_up)) != 0) {
      lua_pop(L, 1);
    } else if (push_value_of(L, 1)) {
      return true;  // else it was removed since
    }
  }
}

// The element of the list at 1 behind place `step`, and its value; not the first again that stood behind a front that is
// gone.
bool push_later_element(lua_State *L, Vm &vm, size_t step, size_t length) {
  if (step == 0 && !lua_isnil(L, lua_upvalueindex(first_up))) forget_asked(L, vm);
  while (push_next_element(L, 1, step, length)) {
    if (lua_rawequal(L, -2, lua_upvalueindex(first_up)) == 0) return true;
    step = static_cast<size_t>(lua_tonumber(L, -2));
    lua_pop(L, 2);
  }
  return false;
}

int pairs_step(lua_State *L, Vm &vm) {
  lua_settop(L, 2);
  // As Lua's own, which is `next`, it also answers for another table, or from another key on.
  if (lua_rawequal(L, 1, lua_upvalueindex(given_up)) == 0 || lua_rawequal(L, 2, lua_upvalueindex(key_up)) == 0) {
    return next(L, vm);
  }
  const auto length = static_cast<size_t>(lua_tonumber(L, lua_upvalueindex(length_up)));
  auto step = static_cast<size_t>(lua_tonumber(L, lua_upvalueindex(step_up)));
  lua_pushvalue(L, lua_upvalueindex(table_up));
  lua_replace(L, 1);
  if (lua_isnil(L, 2) && front_is_gone(L, 1, length) && push_first(L, vm, {0, length})) {
    lua_pushvalue(L, -2);
    lua_replace(L, lua_upvalueindex(first_up));
  } else if (push_later_element(L, vm, step, length)) {
    step = static_cast<size_t>(lua_tonumber(L, -2));
  } else if (!push_other(L, vm, length, step)) {
    lua_pushnil(L);
    return 1;
  }
  lua_pushnumber(L, static_cast<double>(step));
  lua_replace(L, lua_upvalueindex(step_up));
  lua_pushvalue(L, -2);
  lua_replace(L, lua_upvalueindex(key_up));
  return 2;
}

int pairs(lua_State *L, Vm &) {
  lua_settop(L, 1);
  lua_pushvalue(L, 1);  // what the script gets back: never the table behind a frozen one
  unwrap(L, 1, "pairs");
  lua_pushvalue(L, 2);
  lua_pushvalue(L, 1);
  lua_pushnumber(L, static_cast<double>(lua_objlen(L, 1)));
  lua_pushnil(L);
  lua_pushnil(L);
  lua_pushnumber(L, 0);
  lua_pushnil(L);
  lua_pushnil(L);
  lua_pushcclosure(L, library<pairs_step>, upvalues);
  lua_pushvalue(L, 2);
  lua_pushnil(L);
  return 3;
}

int ipairs_step(lua_State *L, Vm &) {
  const auto i = static_cast<lua_Integer>(lua_tonumber(L, 2)) + 1;
  lua_pushinteger(L, i);
  lua_pushinteger(L, i);
  lua_gettable(L, 1);
  return lua_isnil(L, -1) ? 0 : 2;
}

// Upvalue 1: LuaJIT's own.
int ipairs(lua_State *L, Vm &) {
  if (lua_type(L, 1) == LUA_TTABLE && !push_frozen(L, 1)) {
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushvalue(L, 1);
    lua_call(L, 1, 3);
    return 3;
  }
  if (handle_at(L, 1, Handle::constant) == nullptr && lua_type(L, 1) != LUA_TTABLE) {
    fail(MRUN_ARGUMENT, "ipairs: want a table, got {}", describe_lua(L, 1));
  }
  lua_pushcfunction(L, library<ipairs_step>);
  lua_pushvalue(L, 1);
  lua_pushinteger(L, 0);
  return 3;
}

int unpack_list(lua_State *L, Vm &) {
  unwrap(L, 1, "unpack");
  const int64_t first = lua_isnoneornil(L, 2) ? 1 : int32_at(L, 2, "unpack", "first");
  const int64_t last =
      lua_isnoneornil(L, 3) ? static_cast<int64_t>(lua_objlen(L, 1)) : int32_at(L, 3, "unpack", "last");
  if (first > last) return 0;
  if (last - first >= 7000) fail(MRUN_SCRIPT, "unpack: too many results");
  want_stack(L, static_cast<int>(last - first) + 2, "too many results");
  for (int64_t i = first; i <= last; ++i) {
    lua_pushnumber(L, static_cast<double>(i));
    lua_rawget(L, 1);
  }
  return static_cast<int>(last - first) + 1;
}

}  // namespace

void add_traversal(lua_State *L) {
  lua_getfield(L, -1, "ipairs");
  lua_pushcclosure(L, library<ipairs>, 1);
  lua_setfield(L, -2, "ipairs");
  static const luaL_Reg functions[] = {
      {"pairs", library<pairs>}, {"next", library<next>}, {"unpack", library<unpack_list>}, {nullptr, nullptr}};
  luaL_register(L, nullptr, functions);
  for (int *each : {&vm_of(L).anchors.visited, &vm_of(L).anchors.lengths}) {
    lua_newtable(L);
    lua_newtable(L);
    lua_pushstring(L, "k");
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
    *each = anchor(L);
  }
}

}  // namespace mrun
