#include "script/bridge/element.h"

#include <cmath>
#include <cstring>

#include "base/error.h"
#include "script/vm/arguments.h"
#include "value/half.h"

namespace mrun {
namespace {

template <class T>
T load(const void *p) {
  T t;
  std::memcpy(&t, p, sizeof t);
  return t;
}

template <class T>
void store_integer(double d, DLDataType type, void *p) {
  constexpr auto low = static_cast<double>(std::numeric_limits<T>::min());
  constexpr double high = sizeof(T) == 8 ? exact_int : static_cast<double>(std::numeric_limits<T>::max());
  if (d != std::floor(d) || d > high || d < (sizeof(T) == 8 ? -exact_int : low)) {
    fail(MRUN_ARGUMENT, "the number {} does not fit an element of {}", d, dtype_name(type));
  }
  const T t = static_cast<T>(d);
  std::memcpy(p, &t, sizeof t);
}

template <class T>
void store(T t, void *p) {
  std::memcpy(p, &t, sizeof t);
}

}  // namespace

void push_element(lua_State *L, DLDataType type, const void *p) {
  if (type == dtype::float32) return lua_pushnumber(L, load<float>(p));
  if (type == dtype::uint8) return lua_pushnumber(L, load<uint8_t>(p));
  if (type == dtype::float64) return lua_pushnumber(L, load<double>(p));
  if (type == dtype::boolean) return lua_pushboolean(L, load<uint8_t>(p) != 0);
  if (type == dtype::int32) return lua_pushnumber(L, load<int32_t>(p));
  if (type == dtype::int16) return lua_pushnumber(L, load<int16_t>(p));
  if (type == dtype::int8) return lua_pushnumber(L, load<int8_t>(p));
  if (type == dtype::float16) return lua_pushnumber(L, from_half(load<uint16_t>(p)));
  if (type == dtype::bfloat16) return lua_pushnumber(L, from_bfloat16(load<uint16_t>(p)));
  if (!(type == dtype::int64)) fail(MRUN_SCRIPT, "an element of {} has no Lua number", dtype_name(type));
  const auto i = load<int64_t>(p);
  if (i > static_cast<int64_t>(exact_int) || i < -static_cast<int64_t>(exact_int)) {
    fail(MRUN_SCRIPT, "the int64 {} is beyond 2^53: a Lua number cannot hold it exactly", i);
  }
  lua_pushnumber(L, static_cast<double>(i));
}

void write_element(lua_State *L, int index, DLDataType type, void *p) {
  if (type == dtype::boolean) {
    if (lua_type(L, index) != LUA_TBOOLEAN) {
      fail(MRUN_ARGUMENT, "an element of a bool tensor: want a boolean, got {}", describe_lua(L, index));
    }
    return store(static_cast<uint8_t>(lua_toboolean(L, index)), p);
  }
  if (lua_type(L, index) != LUA_TNUMBER) {
    fail(MRUN_ARGUMENT, "an element of a {} tensor: want a number, got {}", dtype_name(type), describe_lua(L, index));
  }
  const double d = lua_tonumber(L, index);
  if (type == dtype::float32) return store(static_cast<float>(d), p);
  if (type == dtype::float64) return store(d, p);
  if (type == dtype::uint8) return store_integer<uint8_t>(d, type, p);
  if (type == dtype::int64) return store_integer<int64_t>(d, type, p);
  if (type == dtype::int32) return store_integer<int32_t>(d, type, p);
  if (type == dtype::int16) return store_integer<int16_t>(d, type, p);
  if (type == dtype::int8) return store_integer<int8_t>(d, type, p);
  fail(MRUN_ARGUMENT, "elements of {} cannot be written one by one", dtype_name(type));
}

}  // namespace mrun
