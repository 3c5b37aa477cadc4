#include "script/lua/key_order.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <string_view>

#include "script/vm/errors.h"

namespace mrun {
namespace {

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

}  // namespace

bool before(const Key &a, const Key &b) {
  if (a.rank != b.rank) return a.rank < b.rank;
  if (a.rank == Rank::other) return a.place < b.place;
  if (a.number != b.number || a.rank != Rank::string) return a.number < b.number;
  return std::string_view(a.text, a.size) < std::string_view(b.text, b.size);
}

bool in_list(lua_State *L, int index, size_t length) {
  if (lua_type(L, index) != LUA_TNUMBER) return false;
  const double n = lua_tonumber(L, index);
  return n >= 1 && n <= static_cast<double>(length) && n == static_cast<double>(static_cast<size_t>(n));
}

Key key_at(lua_State *L, int index, int place, size_t elements) {
  const auto at = static_cast<uint32_t>(place) & 0x1fffffffu;
  switch (lua_type(L, index)) {
    case LUA_TNUMBER: {
      const uint32_t rank = in_list(L, index, elements) ? Rank::element : Rank::number;
      return {rising(lua_tonumber(L, index)), nullptr, 0, rank, at};
    }
    case LUA_TSTRING: {
      size_t size = 0;
      const char *data = lua_tolstring(L, index, &size);
      return {first_bytes(data, size), data, static_cast<uint32_t>(size), Rank::string, at};
    }
    case LUA_TBOOLEAN: return {lua_toboolean(L, index) != 0, nullptr, 0, Rank::boolean, at};
    default: return {0, nullptr, 0, Rank::other, at};
  }
}

int push_found(lua_State *L, int t, size_t after) {
  lua_newtable(L);
  lua_newtable(L);
  const int found = lua_gettop(L) - 1, last = found + 1;
  int count = 0, unordered = 0;
  each_other(L, t, after, [&] {
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

void fill_keys(lua_State *L, int found, Key *keys, int count, size_t elements) {
  for (int i = 0; i < count; ++i) {
    if (i % poll_period == 0) poll(L);
    lua_rawgeti(L, found, i + 1);
    keys[i] = key_at(L, -1, i + 1, elements);
    lua_pop(L, 1);
  }
}

void sort_keys(lua_State *L, Key *keys, int count, int wanted) {
  int compared = 0;
  const auto less = [&](const Key &a, const Key &b) {
    if (++compared % poll_period == 0) poll(L);
    return before(a, b);
  };
  if (wanted < count) std::nth_element(keys, keys + wanted, keys + count, less);
  std::sort(keys, keys + wanted, less);
}

void push_keys(lua_State *L, int t, Part part) {
  const int ordered = push_found(L, t, part.after), found = lua_gettop(L);
  const Arena::Scope scope(vm_of(L).arena);
  Key *keys = vm_of(L).arena.make<Key>(static_cast<size_t>(ordered));
  fill_keys(L, found, keys, ordered, part.elements);
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

int push_least(lua_State *L, int t, Part part, int after, int most) {
  lua_pushnil(L);
  const int best = lua_gettop(L);
  const Key from = after != 0 ? key_at(L, after, 0, part.elements) : Key{};
  const bool unordered = after != 0 && from.rank == Rank::other;  // behind it come others such, in LuaJIT's order
  Key least{};
  int count = 0;
  for (lua_pushvalue(L, unordered ? after : best); lua_next(L, t) != 0;) {
    lua_pop(L, 1);
    if (in_list(L, -1, part.after)) continue;
    if (++count > most) {
      lua_pop(L, 1);
      break;
    }
    if (count % poll_period == 0) poll(L);
    const Key key = key_at(L, -1, count, part.elements);
    const bool behind = after == 0 || (unordered ? key.rank == Rank::other : before(from, key));
    if (!behind || (!lua_isnil(L, best) && !before(key, least))) continue;
    least = key;
    lua_pushvalue(L, -1);
    lua_replace(L, best);
  }
  return count;
}

}  // namespace mrun
