#include "script/lua/traversal.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string_view>

#include "script/bridge/constant.h"
#include "script/bridge/convert.h"
#include "script/lua/library.h"
#include "script/vm/errors.h"
#include "script/vm/frozen.h"
#include "script/vm/hook.h"

namespace mrun {
namespace {

// The order: 1..n first, then the other keys in a fixed order, so that a script does the same
// every time. Numbers rise, strings come in byte order, then false and true; keys that are tables, functions or
// userdata come last, in no promised order.

constexpr int poll_period = 1 << 14;  // keys

struct Key {
  uint64_t number;   // in the order of the keys of its rank: of a string its first eight bytes
  const char *text;  // of a string
  uint32_t size;
  uint32_t rank : 2;    // 0 number, 1 string, 2 boolean, 3 other
  uint32_t place : 30;  // in the list of keys as they were found
};

bool before(const Key &a, const Key &b) {
  if (a.rank != b.rank) return a.rank < b.rank;
  if (a.rank == 3) return a.place < b.place;
  if (a.number != b.number || a.rank != 1) return a.number < b.number;
  return std::string_view(a.text, a.size) < std::string_view(b.text, b.size);
}

// Rises with the number: the bits of a double, those of a negative one turned over.
uint64_t rising(double number) {
  const auto bits = std::bit_cast<uint64_t>(number + 0.0);  // -0 is 0
  return bits >> 63 != 0 ? ~bits : bits | uint64_t{1} << 63;
}

uint64_t first_bytes(const char *text, size_t size) {
  unsigned char bytes[8] = {};
  std::memcpy(bytes, text, std::min<size_t>(size, 8));
  uint64_t number = 0;
  for (const unsigned char byte : bytes) number = number << 8 | byte;
  return number;
}

Key key_at(lua_State *L, int index, int place) {
  const auto at = static_cast<uint32_t>(place) & 0x3fffffffu;
  switch (lua_type(L, index)) {
    case LUA_TNUMBER: return {rising(lua_tonumber(L, index)), nullptr, 0, 0, at};
    case LUA_TSTRING: {
      size_t size = 0;
      const char *data = lua_tolstring(L, index, &size);
      return {first_bytes(data, size), data, static_cast<uint32_t>(size), 1, at};
    }
    case LUA_TBOOLEAN: return {lua_toboolean(L, index) != 0, nullptr, 0, 2, at};
    default: return {0, nullptr, 0, 3, at};
  }
}

bool in_list(lua_State *L, int index, size_t length) {
  if (lua_type(L, index) != LUA_TNUMBER) return false;
  const double n = lua_tonumber(L, index);
  return n >= 1 && n <= static_cast<double>(length) && n == static_cast<double>(static_cast<size_t>(n));
}

// Calls each() with every key of the table at `t` that is not 1..length on top of the stack, in LuaJIT's own order.
template <class F>
void each_other(lua_State *L, int t, size_t length, F &&each) {
  int seen = 0;
  for (lua_pushnil(L); lua_next(L, t) != 0;) {
    lua_pop(L, 1);
    if (++seen % poll_period == 0) poll(L);
    if (!in_list(L, -1, length)) each();
  }
}

// Pushes a list of the keys of the table at `t` that are not 1..length, those of no promised order last. Returns how
// many the others are.
int push_found(lua_State *L, int t, size_t length) {
  lua_newtable(L);
  lua_newtable(L);
  const int found = lua_gettop(L) - 1, last = found + 1;
  int count = 0, unordered = 0;
  each_other(L, t, length, [&] {
    const int type = lua_type(L, -1);
    const bool ordered = type == LUA_TNUMBER || type == LUA_TSTRING || type == LUA_TBOOLEAN;
    lua_pushvalue(L, -1);
    lua_rawseti(L, ordered ? found : last, ordered ? ++count : ++unordered);
  });
  for (int i = 1; i <= unordered; ++i) {
    if (i % poll_period == 0) poll(L);
    lua_rawgeti(L, last, i);
    lua_rawseti(L, found, count + i);
  }
  lua_settop(L, found);
  return count;
}

// What orders the first `count` keys of the list at `found`.
void fill_keys(lua_State *L, int found, Key *keys, int count) {
  for (int i = 0; i < count; ++i) {
    if (i % poll_period == 0) poll(L);
    lua_rawgeti(L, found, i + 1);
    keys[i] = key_at(L, -1, i + 1);
    lua_pop(L, 1);
  }
}

// The least `wanted` of these in order; the others stand behind.
void sort_keys(lua_State *L, Key *keys, int count, int wanted) {
  int compared = 0;
  const auto less = [&](const Key &a, const Key &b) {
    if (++compared % poll_period == 0) poll(L);
    return before(a, b);
  };
  if (wanted < count) std::nth_element(keys, keys + wanted, keys + count, less);
  std::sort(keys, keys + wanted, less);
}

// Pushes a list of the keys of the table at `t` that are not 1..length, in order.
void push_keys(lua_State *L, int t, size_t length) {
  const int ordered = push_found(L, t, length), found = lua_gettop(L);
  const Arena::Scope scope(vm_of(L).arena);
  Key *keys = vm_of(L).arena.make<Key>(static_cast<size_t>(ordered));
  fill_keys(L, found, keys, ordered);
  sort_keys(L, keys, ordered, ordered);
  const int count = static_cast<int>(lua_objlen(L, found));
  lua_createtable(L, count, 0);
  for (int i = 0; i < count; ++i) {
    if (i % poll_period == 0) poll(L);
    lua_rawgeti(L, found, i < ordered ? keys[i].place : i + 1);
    lua_rawseti(L, -2, i + 1);
  }
  lua_replace(L, found);
}

// Pushes the first key of these behind the one at `after` (0: of all), nil where there is none. Returns how many there
// are, looking at no more than `most` + 1. Costs no memory.
int push_least(lua_State *L, int t, size_t length, int after, int most = std::numeric_limits<int>::max()) {
  lua_pushnil(L);
  const int best = lua_gettop(L);
  const Key from = after != 0 ? key_at(L, after, 0) : Key{};
  const bool unordered = after != 0 && from.rank == 3;  // behind it come others such, in LuaJIT's order
  Key least{};
  int count = 0;
  for (lua_pushvalue(L, unordered ? after : best); lua_next(L, t) != 0;) {
    lua_pop(L, 1);
    if (in_list(L, -1, length)) continue;
    if (++count > most) {
      lua_pop(L, 1);
      break;
    }
    if (count % poll_period == 0) poll(L);
    const Key key = key_at(L, -1, count);
    const bool behind = after == 0 || (unordered ? key.rank == 3 : before(from, key));
    if (!behind || (!lua_isnil(L, best) && !before(key, least))) continue;
    least = key;
    lua_pushvalue(L, -1);
    lua_replace(L, best);
  }
  return count;
}

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
bool push_element(lua_State *L, int t, size_t from, size_t length) {
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
// places, 3 how many at the front were gone. `true` instead: a pairs asked for the first key and for no other so far.

constexpr int small_table = 256;

// The places of the keys in the list at `keys`, from place `from` on, into the table at `places`.
void set_places(lua_State *L, int keys, int places, int from) {
  for (int i = from; i <= static_cast<int>(lua_objlen(L, keys)); ++i) {
    if (i % poll_period == 0) poll(L);
    lua_rawgeti(L, keys, i);
    lua_pushinteger(L, i);
    lua_rawset(L, places);
  }
}

// Pushes the memory of the table at 1, its keys and places; makes it where there is none, or anew.
void push_memory(lua_State *L, Vm &vm, size_t length, bool anew) {
  push_anchor(L, vm.anchors.visited);
  const int all = lua_gettop(L);
  lua_pushvalue(L, 1);
  lua_rawget(L, all);
  if (!lua_istable(L, -1) || anew) {
    lua_pop(L, 1);
    lua_createtable(L, 3, 0);
    push_keys(L, 1, length);
    lua_createtable(L, 0, static_cast<int>(lua_objlen(L, -1)));
    set_places(L, all + 2, all + 3, 1);
    lua_rawseti(L, all + 1, 2);
    lua_rawseti(L, all + 1, 1);
    lua_pushinteger(L, 0);
    lua_rawseti(L, all + 1, 3);
    lua_pushvalue(L, 1);
    lua_pushvalue(L, all + 1);
    lua_rawset(L, all);
  }
  lua_remove(L, all);
  lua_rawgeti(L, all, 1);
  lua_rawgeti(L, all, 2);
}

int integer_at(lua_State *L, int table, int place) {
  lua_rawgeti(L, table, place);
  const auto i = static_cast<int>(lua_tointeger(L, -1));
  lua_pop(L, 1);
  return i;
}

// Puts the keys that the memory does not have, or had as gone, behind it; false where there are none.
bool add_unknown(lua_State *L, int memory, size_t length) {
  const int keys = memory + 1, places = memory + 2, gone = integer_at(L, memory, 3);
  lua_newtable(L);
  const int unknown = lua_gettop(L);
  each_other(L, 1, length, [&] {
    lua_pushvalue(L, -1);
    lua_rawget(L, places);
    const bool known = lua_tointeger(L, -1) > gone;
    lua_pop(L, 1);
    if (known) return;
    lua_pushvalue(L, -1);
    lua_pushboolean(L, 1);
    lua_rawset(L, unknown);
  });
  push_keys(L, unknown, 0);
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
int place_before(lua_State *L, int keys) {
  const Key from = key_at(L, 2, 0);
  if (from.rank == 3) fail(MRUN_SCRIPT, "next: the table has no such key");
  int low = 0, high = static_cast<int>(lua_objlen(L, keys));
  while (low < high) {
    const int middle = low + (high - low) / 2;
    lua_rawgeti(L, keys, middle + 1);
    before(key_at(L, -1, 0), from) ? low = middle + 1 : high = middle;
    lua_pop(L, 1);
  }
  return low;
}

// The next key of the table at 1 that is not 1..length, behind the key at 2 (from the first: nil), and its value.
int next_remembered(lua_State *L, Vm &vm, size_t length, bool from_first) {
  const int memory = lua_gettop(L) + 1, keys = memory + 1, places = memory + 2;
  push_memory(L, vm, length, false);
  int place = from_first ? integer_at(L, memory, 3) : place_of(L, places);
  if (!from_first && place == 0) {
    lua_settop(L, memory - 1);
    push_memory(L, vm, length, true);
    place = place_of(L, places);
    if (place == 0) place = place_before(L, keys);
  }
  for (;;) {
    for (const int count = static_cast<int>(lua_objlen(L, keys)); place < count;) {
      lua_rawgeti(L, keys, ++place);
      if (push_value_of(L, 1)) return 2;
      if (!from_first) continue;
      lua_pushinteger(L, place);
      lua_rawseti(L, memory, 3);
    }
    if (from_first && place > 0) {  // all of them are gone
      lua_settop(L, memory - 1);
      push_memory(L, vm, length, true);
      if (lua_objlen(L, keys) == 0) return 0;
      place = 0;
    } else if (!add_unknown(L, memory, length)) {
      return 0;
    }
  }
}

enum class Memory { none, asked, order };

// What is remembered of the table at 1.
Memory memory_of(lua_State *L, const Vm &vm) {
  push_anchor(L, vm.anchors.visited);
  lua_pushvalue(L, 1);
  lua_rawget(L, -2);
  const Memory memory = lua_isnil(L, -1) ? Memory::none : lua_istable(L, -1) ? Memory::order : Memory::asked;
  lua_pop(L, 2);
  return memory;
}

// Instead of what is remembered of the table at 1: nothing, or that it was asked.
void set_asked(lua_State *L, const Vm &vm, bool asked) {
  push_anchor(L, vm.anchors.visited);
  lua_pushvalue(L, 1);
  asked ? lua_pushboolean(L, 1) : lua_pushnil(L);
  lua_rawset(L, -3);
  lua_pop(L, 1);
}

// The least key of the table at 1 that is not 1..length, and its value, where it is a small one: -1 where it is not.
int small_first(lua_State *L, const Vm &vm, size_t length) {
  const int top = lua_gettop(L);
  if (push_least(L, 1, length, 0, small_table) > small_table) {
    lua_settop(L, top);
    return -1;
  }
  if (memory_of(L, vm) != Memory::none) set_asked(L, vm, false);
  return !lua_isnil(L, -1) && push_value_of(L, 1) ? 2 : 0;
}

int next(lua_State *L, Vm &vm) {
  lua_settop(L, 2);
  unwrap(L, 1, "next");
  const size_t length = lua_objlen(L, 1);
  const bool from_first = lua_isnil(L, 2) || in_list(L, 2, length);
  if (from_first && push_element(L, 1, static_cast<size_t>(lua_tonumber(L, 2)), length)) return 2;
  lua_settop(L, 2);
  int found = -1;
  if (from_first) {
    found = small_first(L, vm, length);
  } else if (memory_of(L, vm) != Memory::order && push_least(L, 1, length, 2, small_table) <= small_table) {
    found = !lua_isnil(L, -1) && push_value_of(L, 1) ? 2 : 0;
  }
  if (found < 0) {
    lua_settop(L, 2);
    found = next_remembered(L, vm, length, from_first);
  }
  if (found == 2) return 2;
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
  fill_keys(L, lua_gettop(L) - 1, order->keys(), ordered);
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

// The first other key of the table at 1, and its value, found without sorting, as many loops end there: they look through
// the table once, and do what `next` does where one of them ended there before.
bool push_first(lua_State *L, Vm &vm, size_t length) {
  const int found = small_first(L, vm, length);
  if (found >= 0) return found == 2;
  if (memory_of(L, vm) != Memory::none) return next_remembered(L, vm, length, true) == 2;
  set_asked(L, vm, true);
  push_least(L, 1, length, 0);
  return !lua_isnil(L, -1) && push_value_of(L, 1);
}

// The next other key of the table at 1, and its value.
bool push_other(lua_State *L, Vm &vm, size_t length, size_t &step) {
  step = std::max(step, length);
  if (lua_isnil(L, lua_upvalueindex(keys_up))) {
    lua_pushboolean(L, 0);
    lua_replace(L, lua_upvalueindex(keys_up));
    if (!push_first(L, vm, length)) return false;
    lua_pushvalue(L, -2);
    lua_replace(L, lua_upvalueindex(first_up));
    return true;
  }
  if (lua_isboolean(L, lua_upvalueindex(keys_up))) {
    if (memory_of(L, vm) == Memory::asked) set_asked(L, vm, false);
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
  if (push_element(L, 1, step, length)) {
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

int unpack(lua_State *L, Vm &) {
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
      {"pairs", library<pairs>}, {"next", library<next>}, {"unpack", library<unpack>}, {nullptr, nullptr}};
  luaL_register(L, nullptr, functions);
  lua_newtable(L);
  lua_newtable(L);
  lua_pushstring(L, "k");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
  vm_of(L).anchors.visited = anchor(L);
}

}  // namespace mrun
