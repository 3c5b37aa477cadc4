#include "report/tensor_stats.h"

#include <algorithm>
#include <cmath>

#include "catch.h"

using namespace mrun;

namespace {

template <class T>
Tensor tensor(DLDataType type, std::vector<T> values) {
  Tensor t = Tensor::empty(type, {static_cast<int64_t>(values.size())});
  std::copy(values.begin(), values.end(), t.data<T>());
  return t;
}

}  // namespace

TEST_CASE("stats: minimum, maximum and mean of every dtype") {
  const auto check = [](const Tensor &t) {
    INFO(dtype_name(t.dtype()));
    const auto s = tensor_stats(t);
    REQUIRE(s);
    CHECK(s->min == 1);
    CHECK(s->max == 6);
    CHECK(s->mean == 3);
    CHECK(s->nans == 0);
  };
  check(tensor<float>(dtype::float32, {1, 2, 6}));
  check(tensor<double>(dtype::float64, {1, 2, 6}));
  check(tensor<uint16_t>(dtype::float16, {0x3C00, 0x4000, 0x4600}));
  check(tensor<uint16_t>(dtype::bfloat16, {0x3F80, 0x4000, 0x40C0}));
  check(tensor<int64_t>(dtype::int64, {1, 2, 6}));
  check(tensor<int32_t>(dtype::int32, {1, 2, 6}));
  check(tensor<int16_t>(dtype::int16, {1, 2, 6}));
  check(tensor<int8_t>(dtype::int8, {1, 2, 6}));
  check(tensor<uint64_t>(dtype::uint64, {1, 2, 6}));
  check(tensor<uint32_t>(dtype::uint32, {1, 2, 6}));
  check(tensor<uint16_t>(dtype::uint16, {1, 2, 6}));
  check(tensor<uint8_t>(dtype::uint8, {1, 2, 6}));
  CHECK(tensor_stats(tensor<uint8_t>(dtype::boolean, {0, 1, 1, 1}))->mean == 0.75);
  CHECK(tensor_stats(tensor<int8_t>(dtype::int8, {-128, 127}))->min == -128);
  CHECK_FALSE(tensor_stats(tensor<float>(dtype::complex64, {})));
  CHECK_FALSE(tensor_stats(tensor<uint8_t>(dtype::float8_e4m3fn, {1})));
}

TEST_CASE("stats: NaNs are counted and left out; nothing but NaN, and nothing at all, have no numbers") {
  const auto some = tensor_stats(tensor<float>(dtype::float32, {NAN, 4, -NAN, 2}));
  CHECK(some->min == 2);
  CHECK(some->max == 4);
  CHECK(some->mean == 3);
  CHECK(some->nans == 2);
  for (const Tensor &t : {tensor<float>(dtype::float32, {NAN, NAN}), tensor<float>(dtype::float32, {})}) {
    const auto none = tensor_stats(t);
    CHECK(std::isnan(none->min));
    CHECK(std::isnan(none->max));
    CHECK(std::isnan(none->mean));
    CHECK(none->nans == t.numel());
  }
  const auto infinite = tensor_stats(tensor<float>(dtype::float32, {INFINITY, 1}));
  CHECK(infinite->max == INFINITY);
  CHECK(infinite->mean == INFINITY);
}

TEST_CASE("stats: a view's elements, not its memory's; a mean that float32 sums would lose") {
  const Tensor t = tensor<float>(dtype::float32, {1, 100, 2, 100, 3, 100});
  const auto s = tensor_stats(t.view({3}, {2}, 0));
  CHECK(s->max == 3);
  CHECK(s->mean == 2);
  CHECK(tensor_stats(tensor<float>(dtype::float32, std::vector<float>(20'000'000, 1.25F)))->mean == 1.25);
}
