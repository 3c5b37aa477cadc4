#include "script/bridge/element.h"

#include <cmath>
#include <limits>

#include "base/article.h"
#include "base/error.h"
#include "script/vm/arguments.h"
#include "value/dtype.h"

namespace mrun {
namespace {

// Integers that may be beyond 2^53, where a double is not exact any more.
template <class T>
constexpr bool is_wide = std::is_integral_v<T> && sizeof(T) == 8;

template <class T>
void push_number(lua_State *L, T x, DLDataType type) {
  if constexpr (is_wide<T>) {
    constexpr auto most = static_cast<T>(exact_int);
    if (x > most || (std::is_signed_v<T> && x < T{0} - most)) {
      fail(MRUN_SCRIPT, "the {} {} is beyond 2^53: a Lua number cannot hold it exactly", dtype_name(type), x);
    }
  }
  lua_pushnumber(L, static_cast<double>(x));
}

bool exact_here(DLDataType type, double d) {
  return std::fabs(d) <= exact_int || is_floating(type) || item_size(type) < sizeof(int64_t);
}

// A number that would become an infinity; PyTorch refuses it, too.
bool overflows(DLDataType type, double d) {
  const double most = type == dtype::float16    ? 65504
                      : type == dtype::bfloat16 ? 0x1.fep127
                      : type == dtype::float32  ? static_cast<double>(std::numeric_limits<float>::max())
                                                : std::numeric_limits<double>::max();
  return is_floating(type) && std::isfinite(d) && std::fabs(d) > most;
}

}  // namespace

void push_element(lua_State *L, DLDataType type, const void *p) {
  visit(
      type,
      [&]<class E>(E) {
        if constexpr (std::is_same_v<E, Boolean>) {
          lua_pushboolean(L, E::read(p));
        } else {
          push_number(L, E::read(p), type);
        }
      },
      [&] { fail(MRUN_SCRIPT, "an element of {} has no Lua number", dtype_name(type)); });
}

void write_element(lua_State *L, int index, DLDataType type, void *p) {
  if (type == dtype::boolean) {
    if (lua_type(L, index) != LUA_TBOOLEAN) {
      fail(MRUN_ARGUMENT, "an element of a bool tensor: want a boolean, got {}", describe_lua(L, index));
    }
    Boolean::write(p, lua_toboolean(L, index) != 0);
    return;
  }
  if (lua_type(L, index) != LUA_TNUMBER) {
    fail(MRUN_ARGUMENT, "an element of {} tensor: want a number, got {}", with_article(dtype_name(type)),
         describe_lua(L, index));
  }
  const double d = lua_tonumber(L, index);
  if (!exact_here(type, d) || overflows(type, d) || !put_number(type, d, p)) {
    fail(MRUN_ARGUMENT, "the number {} does not fit an element of {}", d, dtype_name(type));
  }
}

}  // namespace mrun
