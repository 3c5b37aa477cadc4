#include "author/compare.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <mrun/message.hpp>

#include "author/pixels.h"
#include "base/error.h"
#include "base/text.h"
#include "value/dtype.h"

namespace mrun {
namespace {

bool close(double expected, double got, const Tolerance &t) {
  if (expected == got || (std::isnan(expected) && std::isnan(got))) return true;
  if (!std::isfinite(expected) || !std::isfinite(got)) return false;  // what is relative to infinity is infinite too
  return std::abs(got - expected) <= t.atol + t.rtol * std::abs(expected);
}

// Between a number and none, or between infinities, there is no smaller word than infinity.
double size_of(double difference) {
  return std::isnan(difference) ? std::numeric_limits<double>::infinity() : std::abs(difference);
}

double absolute(double expected, double got) { return size_of(got - expected); }

double relative(double expected, double got) {
  return expected == 0 ? absolute(expected, got) : size_of((got - expected) / expected);
}

// An element as a double; NaN where there is no number in it.
double element(const Tensor &t, int64_t i) {
  const char *at = t.data<const char>() + static_cast<size_t>(i) * item_size(t.dtype());
  return visit(
      t.dtype(), [&]<class E>(E) { return static_cast<double>(E::read(at)); },
      [] { return std::numeric_limits<double>::quiet_NaN(); });
}

std::string position(const Tensor &t, int64_t index) {
  Shape at(static_cast<size_t>(t.dim()));
  for (int32_t d = t.dim(); d-- > 0;) {
    at[static_cast<size_t>(d)] = index % t.size(d);
    index /= t.size(d);
  }
  return t.dim() == 0 ? "" : shape_text(at);
}

std::optional<Difference> compare_tensors(const Tensor &expected, const Tensor &got, const Tolerance &tolerance,
                                          const std::string &place) {
  // What was recorded is in a file of tensors, which keeps no media types.
  if (const auto image = encoded_image(got)) {
    if (const auto recorded = encoded_image(expected, image->media_type)) {
      return compare_images(*recorded, *image, tolerance, place);
    }
  }
  if (!(expected.dtype() == got.dtype()) || expected.shape() != got.shape()) {
    return Difference{place, fmt::format("expected {}, got {}", describe(expected.c()), describe(got.c()))};
  }
  return compare_elements(expected, got, tolerance, place);
}

std::optional<Difference> compare_lists(const Value &expected, const Value &got, const Tolerance &tolerance,
                                        const std::string &place) {
  const auto a = expected.as_list(), b = got.as_list();
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    if (auto d = compare(a[i], b[i], tolerance, fmt::format("{}[{}]", place, i + 1))) return d;
  }
  if (a.size() == b.size()) return std::nullopt;
  return Difference{place, fmt::format("expected {}, got {}", counted(a.size(), "entry", "entries"), b.size())};
}

std::optional<Difference> compare_maps(const Value &expected, const Value &got, const Tolerance &tolerance,
                                       const std::string &place) {
  if (const auto a = encoded_image(expected), b = encoded_image(got); a && b) {
    return compare_images(*a, *b, tolerance, place);
  }
  for (const Entry &e : expected.as_map()) {
    const std::string inner = fmt::format("{}.{}", place, printable(e.key()));
    const Value *other = got.find(e.key());
    if (other == nullptr) return Difference{inner, "expected, but missing"};
    if (auto d = compare(e.value(), *other, tolerance, inner)) return d;
  }
  for (const Entry &e : got.as_map()) {
    if (expected.find(e.key()) == nullptr) {
      return Difference{fmt::format("{}.{}", place, printable(e.key())), "got, but not expected"};
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<Difference> compare_elements(const Tensor &expected, const Tensor &got, const Tolerance &tolerance,
                                           const std::string &place, bool integers_too) {
  const Tensor a = expected.contiguous(), b = got.contiguous();
  if (a.bytes() == b.bytes()) return std::nullopt;
  const bool tolerant = integers_too || is_floating(a.dtype());
  const size_t item = item_size(a.dtype());
  Difference d;
  d.differing = 0;
  d.of = a.numel();
  for (int64_t i = 0; i < a.numel(); ++i) {
    const auto offset = static_cast<size_t>(i) * item;
    if (std::memcmp(a.bytes().data() + offset, b.bytes().data() + offset, item) == 0) continue;
    const double x = element(a, i), y = element(b, i);
    if (tolerant && close(x, y, tolerance)) continue;
    if (d.differing++ == 0) {
      d.place = place + position(a, i);
      d.message = fmt::format("expected {}, got {}", x, y);
    }
    d.max_abs = std::max(d.max_abs, absolute(x, y));
    d.max_rel = std::max(d.max_rel, relative(x, y));
  }
  if (d.differing == 0) return std::nullopt;
  return d;
}

std::optional<Difference> compare(const Value &expected, const Value &got, const Tolerance &tolerance,
                                  const std::string &place) {
  const auto different = [&](const std::string &a, const std::string &b) {
    return Difference{place, fmt::format("expected {}, got {}", a, b)};
  };
  const auto different_numbers = [&](const std::string &a, const std::string &b) {
    Difference d = different(a, b);
    d.max_abs = absolute(expected.as_number(), got.as_number());
    d.max_rel = relative(expected.as_number(), got.as_number());
    return d;
  };
  if (expected.is_int() && got.is_int()) {
    if (expected.as_int() == got.as_int()) return std::nullopt;
    return different_numbers(std::to_string(expected.as_int()), std::to_string(got.as_int()));
  }
  if (expected.is_number() && got.is_number()) {
    const double x = expected.as_number(), y = got.as_number();
    if (close(x, y, tolerance)) return std::nullopt;
    return different_numbers(fmt::format("{}", x), fmt::format("{}", y));
  }
  if (expected.kind() != got.kind()) return different(describe(expected.c()), describe(got.c()));
  switch (expected.kind()) {
    case MRUN_BOOL:
      if (expected.as_bool() == got.as_bool()) return std::nullopt;
      return different(expected.as_bool() ? "true" : "false", got.as_bool() ? "true" : "false");
    case MRUN_STRING:
      if (expected.as_string() == got.as_string()) return std::nullopt;
      return different('"' + printable(expected.as_string()) + '"', '"' + printable(got.as_string()) + '"');
    case MRUN_TENSOR: return compare_tensors(expected.as_tensor(), got.as_tensor(), tolerance, place);
    case MRUN_LIST: return compare_lists(expected, got, tolerance, place);
    case MRUN_MAP: return compare_maps(expected, got, tolerance, place);
    default: return std::nullopt;
  }
}

}  // namespace mrun
