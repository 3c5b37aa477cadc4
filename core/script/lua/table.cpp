#include "script/lua/table.h"

#include <algorithm>
#include <cstdlib>
#include <limits>

#include "script/bridge/convert.h"
#include "script/lua/buffer.h"
#include "script/lua/library.h"
#include "script/vm/errors.h"
#include "script/vm/frozen.h"
#include "script/vm/hook.h"

namespace mrun {
namespace {

constexpr const char *table_names[] = {"maxn"};
// LuaJIT's sort can take quadratic time, and its insert and remove shift millions of elements in one instruction, where
// no time limit reaches: the functions here look at the limits this often.
constexpr int poll_places = 1 << 16;
constexpr int64_t most_places = 1 << 30;

void want_table(lua_State *L, const char *function, int index = 1) {
  if (lua_type(L, index) == LUA_TTABLE && !push_frozen(L, index)) return;
  const Handle *const handle = lua_type(L, index) == LUA_TUSERDATA ? handle_at(L, index) : nullptr;
  const bool constant = handle != nullptr && handle->kind == Handle::constant;
  fail(MRUN_ARGUMENT, "{}: want a table that can be changed, got {}{}", function, describe_lua(L, index),
       constant ? ", which is read-only: copy what is to be changed" : "");
}

// Stable merge sort of places; `less` compares two of them.
template <class Less>
void merge_sort(int *places, int *buffer, int count, Less &&less) {
  for (int width = 1; width < count; width *= 2) {
    for (int low = 0; low < count; low += 2 * width) {
      const int middle = std::min(low + width, count), high = std::min(low + 2 * width, count);
      for (int i = low, j = middle, k = low; k < high; ++k) {
        if (i < middle && (j >= high || !less(places[j], places[i]))) {
          buffer[k] = places[i++];
        } else {
          buffer[k] = places[j++];
        }
      }
    }
    std::copy(buffer, buffer + count, places);
    if (width > count / 2) break;
  }
}

// With a function: it is at 2; the elements are in the table at 3.
bool less_by_function(lua_State *L, int a, int b) {
  lua_pushvalue(L, 2);
  lua_rawgeti(L, 3, a);
  lua_rawgeti(L, 3, b);
  lua_call(L, 2, 1);
  const bool less = lua_toboolean(L, -1) != 0;
  lua_pop(L, 1);
  return less;
}

bool less_by_operator(lua_State *L, int a, int b) {
  lua_rawgeti(L, 3, a);
  lua_rawgeti(L, 3, b);
  const bool less = lua_lessthan(L, -2, -1) != 0;
  lua_pop(L, 2);
  return less;
}

int sort(lua_State *L, Vm &vm) {
  lua_settop(L, 2);
  want_table(L, "table.sort");
  const bool given = !lua_isnil(L, 2);
  if (given && lua_type(L, 2) != LUA_TFUNCTION) {
    fail(MRUN_ARGUMENT, "table.sort: want a function to compare by, got {}", describe_lua(L, 2));
  }
  const size_t length = lua_objlen(L, 1);
  if (length >= 1u << 30) fail(MRUN_SCRIPT, "table.sort: the list is too long");
  const int count = static_cast<int>(length);
  if (count < 2) return 0;
  guard_stack(vm);
  lua_createtable(L, count, 0);  // the elements, safe from a comparison that changes the list
  for (int i = 1; i <= count; ++i) {
    if (i % poll_places == 0) poll(L);
    lua_rawgeti(L, 1, i);
    lua_rawseti(L, 3, i);
  }
  const Arena::Scope scope(vm.arena);
  int *places = vm.arena.make<int>(length), *buffer = vm.arena.make<int>(length);
  for (int i = 0; i < count; ++i) places[i] = i + 1;
  int compared = 0;
  merge_sort(places, buffer, count, [&](int a, int b) {
    if (++compared % poll_places == 0) poll(L);
    return given ? less_by_function(L, a, b) : less_by_operator(L, a, b);
  });
  for (int i = 0; i < count; ++i) {
    if (i % poll_places == 0) poll(L);
    lua_rawgeti(L, 3, places[i]);
    lua_rawseti(L, 1, i + 1);
  }
  return 0;
}

// As Lua 5.1's: a place behind the end is set, one before the first moves what lies between.
int insert(lua_State *L, Vm &) {
  want_table(L, "table.insert");
  const auto length = static_cast<int64_t>(lua_objlen(L, 1));
  const int given = lua_gettop(L);
  if (given == 2) {
    lua_rawseti(L, 1, static_cast<int>(length + 1));
    return 0;
  }
  if (given != 3) fail(MRUN_ARGUMENT, "table.insert: want (table, value) or (table, place, value)");
  const int64_t place = int32_at(L, 2, "table.insert", "place");
  if (std::abs(place) > most_places) fail(MRUN_ARGUMENT, "table.insert: place: {} is no place of a table", place);
  for (int64_t i = length; i >= place; --i) {
    if (i % poll_places == 0) poll(L);
    lua_rawgeti(L, 1, static_cast<int>(i));
    lua_rawseti(L, 1, static_cast<int>(i + 1));
  }
  lua_rawseti(L, 1, static_cast<int>(place));
  return 0;
}

int remove(lua_State *L, Vm &) {
  want_table(L, "table.remove");
  const auto length = static_cast<int64_t>(lua_objlen(L, 1));
  const int64_t place = lua_isnoneornil(L, 2) ? length : int32_at(L, 2, "table.remove", "place");
  if (place < 1 || place > length) return 0;
  lua_rawgeti(L, 1, static_cast<int>(place));
  for (int64_t i = place; i < length; ++i) {
    if (i % poll_places == 0) poll(L);
    lua_rawgeti(L, 1, static_cast<int>(i + 1));
    lua_rawseti(L, 1, static_cast<int>(i));
  }
  lua_pushnil(L);
  lua_rawseti(L, 1, static_cast<int>(length));
  return 1;
}

// (from, first, last, place[, to])
int move(lua_State *L, Vm &) {
  const int to = lua_isnoneornil(L, 5) ? 1 : 5;
  if (lua_type(L, 1) != LUA_TTABLE) fail(MRUN_ARGUMENT, "table.move: want a table, got {}", describe_lua(L, 1));
  want_table(L, "table.move", to);
  const int64_t first = int32_at(L, 2, "table.move", "first"), last = int32_at(L, 3, "table.move", "last"),
                place = int32_at(L, 4, "table.move", "place");
  if (last >= first && std::abs(place) + last - first > most_places) {
    fail(MRUN_ARGUMENT, "table.move: {} to {} to place {}: too many elements", first, last, place);
  }
  const bool down =
      place <= first || place > last || lua_rawequal(L, 1, to) == 0;  // what is still to be read is not yet written
  for (int64_t i = 0; i <= last - first; ++i) {
    if (i % poll_places == 0) poll(L);
    const int64_t step = down ? i : last - first - i;
    lua_pushinteger(L, static_cast<lua_Integer>(first + step));
    lua_gettable(L, 1);
    lua_rawseti(L, to, static_cast<int>(place + step));
  }
  lua_pushvalue(L, to);
  return 1;
}

// Numbers and strings only, as Lua's.
int concat(lua_State *L, Vm &) {
  if (const Handle *handle = handle_at(L, 1, Handle::constant)) {
    push_value(L, handle->held);
    lua_replace(L, 1);
  } else if (push_frozen(L, 1)) {
    lua_replace(L, 1);
  }
  if (lua_type(L, 1) != LUA_TTABLE) fail(MRUN_ARGUMENT, "table.concat: want a table, got {}", describe_lua(L, 1));
  if (lua_type(L, 2) == LUA_TNUMBER) lua_tolstring(L, 2, nullptr);
  const std::string_view between =
      lua_isnoneornil(L, 2) ? std::string_view() : want_string(L, 2, "table.concat", "separator");
  const int64_t first = lua_isnoneornil(L, 3) ? 1 : int32_at(L, 3, "table.concat", "first");
  const int64_t last =
      lua_isnoneornil(L, 4) ? static_cast<int64_t>(lua_objlen(L, 1)) : int32_at(L, 4, "table.concat", "last");
  Buffer out(L);
  for (int64_t i = first; i <= last; ++i) {
    if (i % poll_places == 0) poll(L);
    lua_rawgeti(L, 1, static_cast<int>(i));
    if (lua_isstring(L, -1) == 0) {
      fail(MRUN_SCRIPT, "table.concat: element {}: want a string or number, got {}", i, describe_lua(L, -1));
    }
    size_t size = 0;
    const char *data = lua_tolstring(L, -1, &size);
    out.append({data, size});
    if (i < last) out.append(between);
    lua_pop(L, 1);
  }
  out.push();
  return 1;
}

}  // namespace

void push_table(lua_State *L, int from) {
  take(L, from, table_names);
  static const luaL_Reg functions[] = {{"concat", library<concat>}, {"insert", library<insert>},
                                       {"move", library<move>},     {"remove", library<remove>},
                                       {"sort", library<sort>},     {nullptr, nullptr}};
  luaL_register(L, nullptr, functions);
}

}  // namespace mrun
