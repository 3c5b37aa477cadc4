#include "wrap.h"

#include <cstring>

namespace decode {

namespace {

constexpr DLDataType bfloat16{kDLBfloat, 16, 1};

float from_bfloat16(uint16_t bits) {
  const uint32_t wide = uint32_t{bits} << 16;
  float value = 0;
  std::memcpy(&value, &wide, sizeof value);
  return value;
}

// IEEE half precision: subnormals by a multiplication, infinities and NaN by their exponent.
float from_float16(uint16_t bits) {
  const uint32_t sign = (bits & 0x8000U) << 16, exponent = (bits >> 10) & 31U, fraction = bits & 1023U;
  if (exponent == 0) return (sign != 0 ? -1.0F : 1.0F) * static_cast<float>(fraction) * 0x1p-24F;
  const uint32_t wide = sign | (exponent == 31 ? 255U : exponent + 112) << 23 | fraction << 13;
  float value = 0;
  std::memcpy(&value, &wide, sizeof value);
  return value;
}

template <class To, class From, class Convert>
void convert(std::vector<To> &out, const mrun::tensor &t, Convert one) {
  const From *data = t.data<const From>();
  for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<To>(one(data[i]));
}

template <class To>
std::vector<To> numbers_of(const mrun::call &c, const mrun::tensor &given, const std::string &what) {
  want_cpu(given, what);
  const mrun::tensor t = given.contiguous(c);
  c.charge(t.numel() * static_cast<int64_t>(sizeof(To)));
  std::vector<To> out(static_cast<size_t>(t.numel()));
  const auto same = [](auto x) { return x; };
  if (t.is(mrun::float32)) {
    convert<To, float>(out, t, same);
  } else if (t.is(mrun::float64)) {
    convert<To, double>(out, t, same);
  } else if (t.is(mrun::float16)) {
    convert<To, uint16_t>(out, t, from_float16);
  } else if (t.is(bfloat16)) {
    convert<To, uint16_t>(out, t, from_bfloat16);
  } else {
    mrun::refuse(what + ": want a tensor of floats, got " + mrun::came_text(t));
  }
  return out;
}

// "a string", "a list with a string in it": what is no list of integers.
std::string list_text(const mrun_value &v) {
  for (size_t i = 0; v.kind == MRUN_LIST && i < v.as.list.size; ++i) {
    if (!mrun::kind<int64_t>::is(v.as.list.items[i]))
      return "a list with " + mrun::came_text(v.as.list.items[i]) + " in it";
  }
  return mrun::came_text(v);
}

}  // namespace

std::vector<float> floats_of(const mrun::call &c, const mrun::tensor &t, const std::string &what) {
  return numbers_of<float>(c, t, what);
}
std::vector<double> doubles_of(const mrun::call &c, const mrun::tensor &t, const std::string &what) {
  return numbers_of<double>(c, t, what);
}

// Not mrun::numbers, which takes what has no fraction: a float tensor given for tokens is a mistake.
std::vector<int64_t> integers_of(const mrun::call &c, const mrun_value &v, const std::string &what) {
  if (v.kind != MRUN_TENSOR) {
    if (!mrun::kind<std::vector<int64_t>>::is(v)) {
      mrun::refuse(what + ": want a list of integers, or a tensor of them, got " + list_text(v));
    }
    return mrun::kind<std::vector<int64_t>>::from(c, v);
  }
  const mrun::tensor given(c, v);
  want_cpu(given, what);
  if (given.dim() != 1) mrun::refuse(what + ": want a tensor of one dimension, got " + mrun::shape_text(given));
  const mrun::tensor t = given.contiguous(c);
  std::vector<int64_t> out(static_cast<size_t>(t.numel()));
  const auto same = [](auto x) { return x; };
  if (t.is(mrun::int64)) {
    convert<int64_t, int64_t>(out, t, same);
  } else if (t.is(mrun::int32)) {
    convert<int64_t, int32_t>(out, t, same);
  } else if (t.is(mrun::uint8)) {
    convert<int64_t, uint8_t>(out, t, same);
  } else {
    mrun::refuse(what + ": want int64, int32 or uint8, got " + mrun::came_text(t));
  }
  return out;
}

}  // namespace decode
