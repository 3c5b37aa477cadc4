// Elements by dtype, and when values are the same.
#include "value/dtype.h"

#include "catch.h"
#include "value/equal.h"
#include "value/json.h"

using namespace mrun;

TEST_CASE("every 16-bit float is read and written back as it was, and what lies between is rounded to even") {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    const float h = from_half(half), b = from_bfloat16(half);
    if (h == h) REQUIRE(to_half(h) == half);
    if (h != h) REQUIRE(from_half(to_half(h)) != h);
    if (b == b) REQUIRE(to_bfloat16(b) == half);
    if (b != b) REQUIRE(from_bfloat16(to_bfloat16(b)) != b);
    const float next = from_half(static_cast<uint16_t>(bits + 1));
    if ((bits & 0x7fffu) < 0x7bffu) {
      const uint16_t even = bits % 2 == 0 ? half : static_cast<uint16_t>(bits + 1);
      REQUIRE(to_half((h + next) / 2) == even);
    }
  }
  CHECK(to_half(65519.996f) == 0x7bff);
  CHECK(to_half(65520) == 0x7c00);
  CHECK(to_half(-1e30f) == 0xfc00);
  CHECK(to_half(1e-30f) == 0);
  CHECK(to_bfloat16(1.00390625f) == 0x3f80);  // half way
  CHECK(to_bfloat16(1.01171875f) == 0x3f82);
}

TEST_CASE("a number is written where the type holds it, and nowhere else") {
  const auto holds = [](DLDataType type, double x) {
    std::vector<char> at(16, 'x');
    if (!put_number(type, x, at.data())) {
      CHECK(at == std::vector<char>(16, 'x'));
      return false;
    }
    return visit(
        type, [&]<class E>(E) { return static_cast<double>(E::read(at.data())) == x; }, [] { return false; });
  };
  const struct {
    DLDataType type;
    double low, high;
  } integers[] = {{dtype::int8, -128, 127},
                  {dtype::uint8, 0, 255},
                  {dtype::int16, -32768, 32767},
                  {dtype::uint16, 0, 65535},
                  {dtype::int32, -0x1p31, 0x1p31 - 1},
                  {dtype::uint32, 0, 0x1p32 - 1},
                  {dtype::boolean, 0, 1}};
  for (const auto &i : integers) {
    CHECK(holds(i.type, i.low));
    CHECK(holds(i.type, i.high));
    CHECK_FALSE(holds(i.type, i.low - 1));
    CHECK_FALSE(holds(i.type, i.high + 1));
    CHECK_FALSE(holds(i.type, 0.5));
    CHECK_FALSE(holds(i.type, std::nan("")));
  }
  CHECK(holds(dtype::int64, -0x1p63));
  CHECK_FALSE(holds(dtype::int64, 0x1p63));
  CHECK(holds(dtype::uint64, 0x1p63));
  CHECK_FALSE(holds(dtype::uint64, 0x1p64));
  for (const DLDataType type : {dtype::float16, dtype::bfloat16, dtype::float32, dtype::float64}) {
    CHECK(holds(type, -0.5));
    CHECK(holds(type, HUGE_VAL));
  }
  CHECK_FALSE(holds(dtype::complex64, 1));
  CHECK_FALSE(holds(DLDataType{kDLFloat, 32, 4}, 1));
}

TEST_CASE("equal: kinds, numbers, nests, and tensors by their elements") {
  const auto same = [](const char *a, const char *b) { return equal(parse_json(a), parse_json(b)); };
  for (const char *text : {"null", "true", "1", "1.5", "\"a\"", "[]", "{}", "[1,{\"a\":[2]}]"}) CHECK(same(text, text));
  CHECK_FALSE(same("1", "1.0"));
  CHECK_FALSE(same("[1]", "[1,2]"));
  CHECK_FALSE(same("{\"a\":1}", "{\"b\":1}"));
  CHECK_FALSE(same("null", "false"));
  CHECK(equal(Value::number(std::nan("")), Value::number(std::nan(""))));
  Tensor t = Tensor::empty(dtype::int32, {2, 3});
  for (int32_t i = 0; i < 6; ++i) t.data<int32_t>()[i] = i;
  const Tensor turned = t.view({3, 2}, {1, 3}, 0);
  CHECK(equal(turned, turned.contiguous()));
  CHECK_FALSE(equal(t, turned));
  CHECK_FALSE(equal(t, t.view({3, 2}, {2, 1}, 0)));
}

TEST_CASE("what is of another kind is not read as if it were") {
  const Value n = Value::integer(5);
  CHECK_THROWS_WITH(n.as_tensor(), "want a tensor, got the integer 5");
  CHECK_THROWS_WITH(n.as_string(), "want a string, got the integer 5");
  CHECK_THROWS_WITH(n.as_list(), "want a list, got the integer 5");
  CHECK_THROWS_WITH(n.as_map(), "want a map, got the integer 5");
}

TEST_CASE("a copy in row-major order is charged, and memory of a device is not read") {
  Tensor t = Tensor::empty(dtype::int32, {2, 3});
  const auto budget = std::make_shared<Budget>(20);
  CHECK_THROWS_AS(t.view({3, 2}, {1, 3}, 0).contiguous(budget), Error);
  CHECK(t.contiguous(budget).data() == t.data());
  const Tensor far = Tensor::over(nullptr, dtype::int32, {3, 2}, nullptr, false, {1, 3}, {kDLCUDA, 1});
  CHECK_THROWS_WITH(far.contiguous(), Catch::Matchers::ContainsSubstring("lies on cuda:1"));
}
