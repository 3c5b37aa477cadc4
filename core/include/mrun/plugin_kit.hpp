// mrun/plugin_kit.hpp - beside plugin.hpp, what the operations of most plugins need: to read arguments that come in
// several forms (the bytes of a file, numbers of any dtype), to name what came in a message, to let a library ask
// whether it must stop. C++17, header only, nothing of it is needed to write a plugin.
//
// Everything that reads throws mrun::error (ARGUMENT), "WHAT: wanted ..., got ...": `what` names the operation and its
// argument ("decode.nms: scores").
#pragma once
#include "plugin.hpp"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>

namespace mrun {

[[noreturn]] inline void refuse(const std::string &what) { throw error(MRUN_ARGUMENT, what); }

// ---- names, for messages --------------------------------------------------------------------------------------------

// "a tensor", "a list"; with its article, as it stands in a sentence.
inline const char *kind_text(mrun_kind kind) {
  static const char *const names[] = {"nil",      "a boolean", "an integer", "a number",  "a string",
                                      "a tensor", "a list",    "a table",    "an object", "a function"};
  return kind <= MRUN_FUNCTION ? names[kind] : "something unknown";
}

// "float32", "bool", "int64"; "float8_3" for what has no name here: code and bits.
inline std::string dtype_text(DLDataType t) {
  static const char *const codes[] = {"int", "uint", "float", "handle", "bfloat", "complex", "bool"};
  constexpr size_t count = sizeof codes / sizeof *codes;
  std::string s = t.code < count ? codes[t.code] : "type" + std::to_string(t.code) + "_";
  if (t.code != boolean.code) s += std::to_string(t.bits);
  return t.lanes == 1 ? s : s + "x" + std::to_string(t.lanes);
}

// "[2, 3]"; "[]" of a tensor without dimensions.
inline std::string shape_text(const tensor &t) {
  std::string s = "[";
  for (int32_t d = 0; d < t.dim(); ++d) s += (d > 0 ? ", " : "") + std::to_string(t.size(d));
  return s + "]";
}

// "a string", "a float32 tensor [2, 3]", "an object".
inline std::string came_text(const mrun_value &v) {
  if (v.kind != MRUN_TENSOR) return kind_text(static_cast<mrun_kind>(v.kind));
  tensor t;
  check(host->value_copy(nullptr, &v, t.out()));
  const std::string dtype = dtype_text(t.dtype());
  return (dtype[0] == 'i' ? "an " : "a ") + dtype + " tensor " + shape_text(t) +
         (t.on_cpu() ? "" : " on another device");
}
inline std::string came_text(const value &v) { return came_text(v.get()); }

// ---- stopping -------------------------------------------------------------------------------------------------------

// What a library is handed that knows nothing of mrun: to be called every millisecond or so; throws where the work must
// end (deadline, cancellation). Lives no longer than the call.
inline std::function<void()> asking(const call &c) {
  return [&c] { c.poll(); };
}

// ---- elements of any dtype ------------------------------------------------------------------------------------------

namespace detail {
// IEEE half and bfloat16 have no C++ type: their bits become a double.
inline double half_value(uint16_t bits) {
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  double v = 0;
  if (exponent == 31) {
    v = fraction != 0 ? std::numeric_limits<double>::quiet_NaN() : std::numeric_limits<double>::infinity();
  } else {
    v = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(fraction + 1024, exponent - 25);
  }
  return (bits & 0x8000) != 0 ? -v : v;
}
inline double bfloat_value(uint16_t bits) {
  const uint32_t wide = uint32_t{bits} << 16;
  float f = 0;
  std::memcpy(&f, &wide, sizeof f);
  return static_cast<double>(f);
}
struct half {
  uint16_t bits;
  operator double() const { return half_value(bits); }
};
struct bfloat {
  uint16_t bits;
  operator double() const { return bfloat_value(bits); }
};
}  // namespace detail

// Calls f(T{}) with the C++ type of a dtype: the one chain over dtypes. False where there is none (complex, lanes).
template <class F>
bool visit_dtype(DLDataType t, F &&f) {
  if (t.lanes != 1) return false;
  switch (t.code * 256 + t.bits) {
    case kDLInt * 256 + 8: f(int8_t{}); return true;
    case kDLInt * 256 + 16: f(int16_t{}); return true;
    case kDLInt * 256 + 32: f(int32_t{}); return true;
    case kDLInt * 256 + 64: f(int64_t{}); return true;
    case kDLUInt * 256 + 8: f(uint8_t{}); return true;
    case kDLUInt * 256 + 16: f(uint16_t{}); return true;
    case kDLUInt * 256 + 32: f(uint32_t{}); return true;
    case kDLUInt * 256 + 64: f(uint64_t{}); return true;
    case kDLFloat * 256 + 16: f(detail::half{}); return true;
    case kDLFloat * 256 + 32: f(float{}); return true;
    case kDLFloat * 256 + 64: f(double{}); return true;
    case kDLBfloat * 256 + 16: f(detail::bfloat{}); return true;
    case 6 * 256 + 8: f(bool{}); return true;
    default: return false;
  }
}

namespace detail {
// To: double, float or int64_t. An integer is never rounded: what has a fraction or no room is an error.
template <class To, class From>
To element(From x, const char *what) {
  if constexpr (std::is_integral_v<To> && !std::is_integral_v<From>) {
    const auto d = static_cast<double>(x);
    if (std::islessgreater(std::trunc(d), d) || !(d >= -0x1p63 && d < 0x1p63))
      refuse(std::string(what) + ": wanted integers, got " + std::to_string(d));
    return static_cast<To>(d);
  } else if constexpr (std::is_integral_v<To> && std::is_same_v<From, uint64_t>) {
    if (x > static_cast<uint64_t>(INT64_MAX))
      refuse(std::string(what) + ": " + std::to_string(x) + " is beyond the range of int64");
    return static_cast<To>(x);
  } else if constexpr (std::is_class_v<From>) {
    return static_cast<To>(static_cast<double>(x));
  } else {
    return static_cast<To>(x);
  }
}

template <class To>
std::vector<To> elements(const tensor &dense, const char *what) {
  const auto count = static_cast<size_t>(dense.numel());
  std::vector<To> out(count);
  const bool known = visit_dtype(dense.dtype(), [&](auto kind_of) {
    using From = decltype(kind_of);
    const From *in = dense.data<const From>();
    for (size_t i = 0; i < count; ++i) out[i] = element<To>(in[i], what);
  });
  if (!known) refuse(std::string(what) + ": wanted numbers, got " + came_text(dense));
  return out;
}

template <class To>
To list_item(const mrun_value &v, const char *what) {
  if (v.kind == MRUN_INT) return element<To>(v.as.integer, what);
  if (v.kind == MRUN_FLOAT) return element<To>(v.as.number, what);
  refuse(std::string(what) + ": wanted a list of numbers, got " + came_text(v) + " in it");
}
}  // namespace detail

// ---- arguments in several forms -------------------------------------------------------------------------------------

// The bytes of a file: a 1-D uint8 tensor (copied where it has steps), or a string. Beside mrun.hpp: class mrun::bytes.
class bytes {
 public:
  bytes(const call &c, const value &given, const char *what) : owner_(given) {
    if (given.kind() == MRUN_STRING) {
      view_ = {given.get().as.string.data, given.get().as.string.size};
      return;
    }
    if (given.kind() == MRUN_TENSOR) {
      const auto t = given.to<tensor>(c);
      if (t.is(uint8) && t.dim() == 1 && t.on_cpu()) {
        tensor dense = t.contiguous(c);
        view_ = {dense.data<const char>(), static_cast<size_t>(dense.numel())};
        owner_ = std::move(dense);
        return;
      }
    }
    refuse(std::string(what) + ": wanted the bytes of a file, a 1-D uint8 tensor, got " + came_text(given));
  }
  std::string_view view() const { return view_; }  // as long as this lives
  const uint8_t *data() const { return reinterpret_cast<const uint8_t *>(view_.data()); }
  size_t size() const { return view_.size(); }

 private:
  value owner_;
  std::string_view view_;
};

// A tensor of any shape, strides and dtype, row-major, or a list of numbers. T: double, float or int64_t, which takes
// integral values alone.
template <class T>
std::vector<T> numbers(const call &c, const value &given, const char *what) {
  if (given.kind() == MRUN_TENSOR) {
    const auto t = given.to<tensor>(c);
    if (!t.on_cpu()) refuse(std::string(what) + ": wanted a tensor on the CPU; move it with :cpu()");
    c.charge(t.numel() * static_cast<int64_t>(sizeof(T)));
    return detail::elements<T>(t.contiguous(c), what);
  }
  if (given.kind() != MRUN_LIST)
    refuse(std::string(what) + ": wanted a tensor or a list of numbers, got " + came_text(given));
  const auto &list = given.get().as.list;
  std::vector<T> out;
  out.reserve(list.size);
  for (size_t i = 0; i < list.size; ++i) out.push_back(detail::list_item<T>(list.items[i], what));
  return out;
}

// Rows of `width` numbers behind each other: a tensor [n, width] or a list of lists.
template <class T>
std::vector<T> rows(const call &c, const value &given, size_t width, const char *what) {
  const auto bad = [&](const std::string &came) {
    const std::string w = std::to_string(width);
    refuse(std::string(what) + ": wanted a tensor [n, " + w + "] or a list of lists of " + w + " numbers, got " + came);
  };
  if (given.kind() == MRUN_TENSOR) {
    const auto t = given.to<tensor>(c);
    if (t.dim() != 2 || t.size(1) != static_cast<int64_t>(width)) bad(came_text(given));
    return numbers<T>(c, given, what);
  }
  if (given.kind() != MRUN_LIST) bad(came_text(given));
  const auto &list = given.get().as.list;
  std::vector<T> out;
  for (size_t i = 0; i < list.size; ++i) {
    const mrun_value &row = list.items[i];
    if (row.kind != MRUN_LIST) bad("a list with " + came_text(row));
    if (row.as.list.size != width) bad("a list with one of " + std::to_string(row.as.list.size));
    for (size_t k = 0; k < width; ++k) out.push_back(detail::list_item<T>(row.as.list.items[k], what));
  }
  return out;
}

}  // namespace mrun
