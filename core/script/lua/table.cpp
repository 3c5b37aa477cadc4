#include "script/lua/table.h"

#include <algorithm>

#include "script/bridge/convert.h"
#include "script/lua/library.h"
#include "script/vm/errors.h"
#include "script/vm/frozen.h"
#include "script/vm/hook.h"

namespace mrun {
namespace {

constexpr const char *names[] = {"concat", "maxn", "move"};
// LuaJIT's sort can take quadratic time, and its insert and remove shift millions of elements in one instruction, where
// no time limit reaches: the functions here look at the limits this often.
constexpr int poll_period = 1 << 16;

void want_table(lua_State *L, const char *function) {
  if (lua_type(L, 1) != LUA_TTABLE || push_frozen(L, 1)) {
    fail(MRUN_ARGUMENT, "{}: want a table that can be changed, got {}", function, describe_lua(L, 1));
  }
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
    lua_rawgeti(L, 1, i);
    lua_rawseti(L, 3, i);
  }
  const Arena::Scope scope(vm.arena);
  int *places = vm.arena.make<int>(length), *buffer = vm.arena.make<int>(length);
  for (int i = 0; i < count; ++i) places[i] = i + 1;
  int compared = 0;
  merge_sort(places, buffer, count, [&](int a, int b) {
    if (++compared % poll_period == 0) poll(L);
    return given ? less_by_function(L, a, b) : less_by_operator(L, a, b);
  });
  for (int i = 0; i < count; ++i) {
    lua_rawgeti(L, 3, places[i]);
    lua_rawseti(L, 1, i + 1);
  }
  return 0;
}

int insert(lua_State *L, Vm &) {
  want_table(L, "table.insert");
  const auto length = static_cast<int64_t>(lua_objlen(L, 1));
  const int given = lua_gettop(L);
  if (given == 2) {
    lua_rawseti(L, 1, static_cast<int>(length + 1));
    return 0;
  }
  if (given != 3) fail(MRUN_ARGUMENT, "table.insert: want (table, value) or (table, place, value)");
  const int64_t place = want_int(L, 2, "table.insert", "place");
  if (place < 1 || place > length + 1) {
    fail(MRUN_ARGUMENT, "table.insert: place: want 1 to {}, got {}", length + 1, place);
  }
  for (int64_t i = length; i >= place; --i) {
    if (i % poll_period == 0) poll(L);
    lua_rawgeti(L, 1, static_cast<int>(i));
    lua_rawseti(L, 1, static_cast<int>(i + 1));
  }
  lua_rawseti(L, 1, static_cast<int>(place));
  return 0;
}

int remove(lua_State *L, Vm &) {
  want_table(L, "table.remove");
  const auto length = static_cast<int64_t>(lua_objlen(L, 1));
  const int64_t place = lua_isnoneornil(L, 2) ? length : want_int(L, 2, "table.remove", "place");
  if (place < 1 || place > length) return 0;
  lua_rawgeti(L, 1, static_cast<int>(place));
  for (int64_t i = place; i < length; ++i) {
    if (i % poll_period == 0) poll(L);
    lua_rawgeti(L, 1, static_cast<int>(i + 1));
    lua_rawseti(L, 1, static_cast<int>(i));
  }
  lua_pushnil(L);
  lua_rawseti(L, 1, static_cast<int>(length));
  return 1;
}

// Upvalue 1: LuaJIT's own.
int concat(lua_State *L, Vm &) {
  if (const Handle *handle = handle_at(L, 1, Handle::constant)) {
    push_value(L, handle->held);
    lua_replace(L, 1);
  }
  const int given = lua_gettop(L);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_call(L, given, 1);
  return 1;
}

}  // namespace

void push_table(lua_State *L, int from) {
  take(L, from, names);
  lua_getfield(L, -1, "concat");
  lua_pushcclosure(L, function<concat>, 1);
  lua_setfield(L, -2, "concat");
  lua_pushcfunction(L, function<sort>);
  lua_setfield(L, -2, "sort");
  lua_pushcfunction(L, function<insert>);
  lua_setfield(L, -2, "insert");
  lua_pushcfunction(L, function<remove>);
  lua_setfield(L, -2, "remove");
}

}  // namespace mrun
