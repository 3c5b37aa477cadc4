// plugin_kit.hpp, through the plugin "given" that is built out of tree.
#include <algorithm>
#include <cstring>
#include <thread>

#include "support.h"

using namespace mrun;
using namespace mrun::test;
using Catch::Matchers::ContainsSubstring;

namespace {

// The numbers 0 to count - 1 in the elements of T.
template <class T>
Tensor counted(DLDataType t, const Shape &shape) {
  Tensor x = Tensor::empty(t, shape);
  for (int64_t i = 0; i < x.numel(); ++i) x.data<T>()[i] = static_cast<T>(i);
  return x;
}

template <class T>
Tensor of_bits(DLDataType t, std::initializer_list<T> bits) {
  Tensor x = Tensor::empty(t, {static_cast<int64_t>(bits.size())});
  std::copy(bits.begin(), bits.end(), x.data<T>());
  return x;
}

std::vector<double> doubles(const Value &list) {
  std::vector<double> out;
  for (const Value &v : list.as_list()) out.push_back(v.as_number());
  return out;
}

}  // namespace

TEST_CASE("numbers of every dtype, of views and of lists") {
  Runner r;
  const std::vector<double> want{0, 1, 2, 3};
  for (const Tensor &t :
       {counted<int8_t>(dtype::int8, {4}), counted<int16_t>(dtype::int16, {4}), counted<int32_t>(dtype::int32, {2, 2}),
        counted<int64_t>(dtype::int64, {4}), counted<uint8_t>(dtype::uint8, {4}), counted<uint16_t>(dtype::uint16, {4}),
        counted<uint32_t>(dtype::uint32, {4}), counted<uint64_t>(dtype::uint64, {4, 1}),
        counted<float>(dtype::float32, {4}), counted<double>(dtype::float64, {4}),
        of_bits<uint16_t>(dtype::float16, {0, 0x3c00, 0x4000, 0x4200}),
        of_bits<uint16_t>(dtype::bfloat16, {0, 0x3f80, 0x4000, 0x4040})}) {
    INFO(dtype_name(t.dtype()));
    CHECK(doubles(r.one("given.doubles@1", values(t))) == want);
    CHECK(doubles(r.one("given.integers@1", values(t))) == want);
  }
  const Tensor grid = counted<int32_t>(dtype::int32, {2, 3});
  CHECK(doubles(r.one("given.doubles@1", values(grid.view({3, 2}, {1, 3}, 0)))) ==
        std::vector<double>{0, 3, 1, 4, 2, 5});
  CHECK(doubles(r.one("given.doubles@1", {Value::list(values(1, 2.5))})) == std::vector<double>{1, 2.5});
  const Tensor flags = of_bits<uint8_t>(dtype::boolean, {1, 0});
  CHECK(doubles(r.one("given.doubles@1", values(flags))) == std::vector<double>{1, 0});
}

TEST_CASE("halves are read to the bit") {
  Runner r;
  const Tensor t = of_bits<uint16_t>(dtype::float16, {0x0001, 0x8400, 0x7bff, 0xfc00, 0x3555});
  CHECK(doubles(r.one("given.doubles@1", values(t))) ==
        std::vector<double>{0x1p-24, -0x1p-14, 65504, -std::numeric_limits<double>::infinity(), 0x1.554p-2});
}

TEST_CASE("integers are not rounded") {
  Runner r;
  CHECK_THAT(r.error("given.integers@1", values(floats({1, 2.5}))).message,
             ContainsSubstring("given.integers: x: wanted integers, got 2.5"));
  CHECK_THAT(r.error("given.integers@1", values(of_bits<uint64_t>(dtype::uint64, {~uint64_t{0}}))).message,
             ContainsSubstring("18446744073709551615 is beyond the range of int64"));
  CHECK_THAT(r.error("given.integers@1", values(floats({1e30F}))).message, ContainsSubstring("wanted integers"));
  CHECK_THAT(r.error("given.integers@1", values("text")).message,
             ContainsSubstring("wanted a tensor or a list of numbers, got a string"));
  CHECK_THAT(r.error("given.integers@1", {Value::list(values("a"))}).message, ContainsSubstring("got a string in it"));
  CHECK_THAT(r.error("given.doubles@1", values(Tensor::empty(dtype::complex64, {2}))).message,
             ContainsSubstring("wanted numbers, got a complex64 tensor [2]"));
}

TEST_CASE("the bytes of a file") {
  Runner r;
  const Tensor t = of_bits<uint8_t>(dtype::uint8, {'a', '-', 'b', '-'});
  CHECK(r.one("given.bytes@1", values(t)).as_string() == "a-b-");
  CHECK(r.one("given.bytes@1", values(t.view({2}, {2}, 0))).as_string() == "ab");
  CHECK(r.one("given.bytes@1", values("text")).as_string() == "text");
  CHECK_THAT(r.error("given.bytes@1", values(floats({1}))).message,
             ContainsSubstring("given.bytes: x: wanted the bytes of a file, a 1-D uint8 tensor, got a float32 tensor"));
  CHECK_THAT(r.error("given.bytes@1", values(1)).message, ContainsSubstring("got an integer"));
}

TEST_CASE("rows of a tensor and of lists") {
  Runner r;
  CHECK(doubles(r.one("given.rows@1", {Value(counted<int64_t>(dtype::int64, {1, 2})), of(2)})) ==
        std::vector<double>{0, 1});
  CHECK(doubles(r.one("given.rows@1", {Value::list({Value::list(values(1, 2.5))}), of(2)})) ==
        std::vector<double>{1, 2.5});
  CHECK_THAT(r.error("given.rows@1", {Value(floats({1, 2})), of(2)}).message,
             ContainsSubstring("wanted a tensor [n, 2] or a list of lists of 2 numbers, got a float32 tensor [2]"));
  CHECK_THAT(r.error("given.rows@1", {Value::list({Value::list(values(1))}), of(2)}).message,
             ContainsSubstring("a list with one of 1"));
  CHECK_THAT(r.error("given.rows@1", {Value::list(values(1)), of(2)}).message,
             ContainsSubstring("a list with an integer"));
}

TEST_CASE("what came has a name") {
  Runner r;
  const auto came = [&](Value v) { return std::string(r.one("given.came@1", {std::move(v)}).as_string()); };
  CHECK(came(Value()) == "nil");
  CHECK(came(of(2.5)) == "a number");
  CHECK(came(of(true)) == "a boolean");
  CHECK(came(Value::list({})) == "a list");
  CHECK(came(Value(counted<int64_t>(dtype::int64, {2, 3}))) == "an int64 tensor [2, 3]");
  CHECK(came(Value(of_bits<uint8_t>(dtype::boolean, {1}))) == "a bool tensor [1]");
}

TEST_CASE("a library that asks is told to stop") {
  Runner r;
  std::thread later([&] { r.item.stop = MRUN_TIMEOUT; });
  CHECK(r.error("given.wait@1").code == MRUN_TIMEOUT);
  later.join();
}
