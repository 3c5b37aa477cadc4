#include "value/value.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "base/budget.h"
#include "bytes.h"
#include "catch.h"
#include "value/half.h"
#include "value/object.h"
#include "value/size.h"

using namespace mrun;
using test::error_of;

TEST_CASE("value: nil is zero bytes") {
  const Value v;
  const mrun_value zero{};
  CHECK(std::memcmp(&v.c(), &zero, sizeof zero) == 0);
  CHECK(v.is_nil());
}

TEST_CASE("value: copies share, moves take over, releases leave nil") {
  Value a = Value::string("text");
  const Value b = a;
  CHECK(a.as_string().data() == b.as_string().data());
  const Value c = std::move(a);
  CHECK(a.is_nil());
  CHECK(c.as_string() == "text");
  mrun_value raw = Value(c).release();
  Value::free(&raw);
  CHECK(raw.kind == MRUN_NIL);
  CHECK(b.as_string() == "text");
}

TEST_CASE("value: maps are sorted by bytes, and the last of equal keys wins") {
  const Value v = Value::map({{"b", Value::integer(1)},
                              {"a", Value::integer(2)},
                              {"é", Value::integer(3)},
                              {"a", Value::integer(4)},
                              {"", Value::integer(5)}});
  std::string keys;
  for (const Entry &e : v.as_map()) keys += fmt::format("{}={};", e.key(), e.value().as_int());
  CHECK(keys == "=5;a=4;b=1;é=3;");
  CHECK(v.find("b")->as_int() == 1);
  CHECK(v.find("c") == nullptr);
  CHECK(Value::integer(1).find("c") == nullptr);
}

TEST_CASE("value: a borrowed value is copied for real") {
  std::string text = "text";
  mrun_value item{};
  item.kind = MRUN_STRING;
  item.as.string = {text.data(), text.size()};
  mrun_entry entry{{text.data(), text.size()}, item};
  mrun_value list{}, map{};
  list.kind = MRUN_LIST;
  list.as.list = {&item, 1};
  map.kind = MRUN_MAP;
  map.as.map = {&entry, 1};
  const Value l = Value::copy(list), m = Value::copy(map);
  text = "gone";
  CHECK(l.as_list()[0].as_string() == "text");
  CHECK(m.find("text")->as_string() == "text");
}

TEST_CASE("value: any depth is freed") {
  Value v;
  for (int i = 0; i < 1'000'000; ++i) { v = i % 2 ? Value::list({std::move(v)}) : Value::map({{"k", std::move(v)}}); }
  const Value shared = v;
  v = Value();
  CHECK(shared.is_list());
}

TEST_CASE("value: described for messages") {
  CHECK(describe(Value().c()) == "nil");
  CHECK(describe(Value::boolean(true).c()) == "true");
  CHECK(describe(Value::integer(3).c()) == "the integer 3");
  CHECK(describe(Value::number(3.5).c()) == "the number 3.5");
  CHECK(describe(Value::string("abc").c()) == "a string of 3 bytes");
  CHECK(describe(Value::list({Value()}).c()) == "a list of 1");
  CHECK(describe(Tensor::empty(dtype::float32, {2, 3}).c()) == "a float32 tensor [2, 3]");
  CHECK(describe(Tensor::empty(dtype::int64, {2}).c()) == "an int64 tensor [2]");
  CHECK(describe(Tensor::empty(dtype::uint8, {}).c()) == "a uint8 tensor []");
}

TEST_CASE("object: destroyed once, with the last reference") {
  static int destroyed = 0;
  mrun_type type{};
  type.size = sizeof type;
  type.name = "test.Thing";
  type.destroy = [](void *) { ++destroyed; };
  Value a = object_value(&type, nullptr);
  Value b = a;
  CHECK(describe(a.c()) == "a test.Thing");
  a = Value();
  CHECK(destroyed == 0);
  b = Value();
  CHECK(destroyed == 1);
}

TEST_CASE("tensor: memory is aligned, charged to the budget and given back") {
  const auto budget = std::make_shared<Budget>(1000);
  {
    const Tensor t = Tensor::empty(dtype::float32, {10, 5}, budget);
    CHECK(reinterpret_cast<uintptr_t>(t.data()) % 64 == 0);
    CHECK(budget->used() == 200);
    const Tensor view = t.view({5}, {1}, 3);
    CHECK(budget->used() == 200);
    CHECK(error_of([&] { Tensor::empty(dtype::uint8, {801}, budget); }).code == MRUN_QUOTA);
  }
  CHECK(budget->used() == 0);
}

TEST_CASE("tensor: sizes that overflow are refused before anything is allocated") {
  CHECK(checked_nbytes(dtype::float64, Shape{INT64_MAX}) == std::nullopt);
  CHECK(checked_nbytes(dtype::uint8, Shape{1LL << 32, 1LL << 32}) == std::nullopt);
  CHECK(checked_nbytes(dtype::uint8, Shape{-1}) == std::nullopt);
  CHECK(checked_nbytes(dtype::uint8, Shape{0, INT64_MAX}) == 0);
  CHECK(checked_nbytes(dtype::uint8, Shape{0, INT64_MAX, INT64_MAX}) == std::nullopt);
  CHECK(checked_nbytes(dtype::float32, Shape{}) == 4);
  CHECK(error_of([] { Tensor::empty(dtype::float32, {INT64_MAX / 2}); }).code == MRUN_ARGUMENT);
  CHECK(error_of([] { Tensor::empty(dtype::uint8, {INT64_MAX - 64}); }).code == MRUN_MEMORY);
}

TEST_CASE("tensor: views share memory, read-only stays read-only") {
  const Tensor t = Tensor::empty(dtype::int32, {4, 6});
  for (int i = 0; i < 24; ++i) t.data<int32_t>()[i] = i;
  const Tensor v = t.view({2, 3}, {12, 2}, 1);
  CHECK(v.data<int32_t>() == t.data<int32_t>() + 1);
  CHECK_FALSE(v.is_contiguous());
  const Tensor c = v.contiguous();
  CHECK(std::vector<int32_t>(c.data<int32_t>(), c.data<int32_t>() + 6) == std::vector<int32_t>{1, 3, 5, 13, 15, 17});
  CHECK(c.contiguous().data() == c.data());
  CHECK_FALSE(t.readonly());
  CHECK(t.read_only().view({1}, {1}, 0).readonly());
  CHECK(t.view({0, 3}, {1, 1}, 0).contiguous().numel() == 0);
}

TEST_CASE("tensor: a view of a view of a view … costs one view's memory") {
  Tensor t = Tensor::empty(dtype::uint8, {1});
  for (int i = 0; i < 100'000; ++i) t = t.view({1}, {1}, 0);
  CHECK(t.numel() == 1);
}

TEST_CASE("tensor: a media type makes it bytes, and leaves the original as it was") {
  const Tensor t = Tensor::empty(dtype::uint8, {4});
  const Tensor png = t.with_media_type("image/png");
  CHECK(png.media_type() == "image/png");
  CHECK(t.media_type().empty());
  CHECK(png.data() == t.data());
  CHECK(Tensor(Value(png)).media_type() == "image/png");
}

TEST_CASE("tensor: memory handed over is given back once") {
  static int deleted = 0;
  static float number = 1.5f;
  const auto budget = std::make_shared<Budget>(100);
  REQUIRE(budget->charge(4));
  auto *dl = new DLManagedTensor{};
  dl->dl_tensor.data = &number;
  dl->dl_tensor.device = cpu;
  dl->dl_tensor.dtype = dtype::float32;
  dl->deleter = [](DLManagedTensor *self) {
    ++deleted;
    delete self;
  };
  {
    const Tensor t = Tensor::give(dl, budget, 4);
    CHECK(*t.data<float>() == 1.5f);
    CHECK(t.is_contiguous());
    CHECK(t.strides().empty());
  }
  CHECK(deleted == 1);
  CHECK(budget->used() == 0);
}

TEST_CASE("tensor: names of dtypes and devices") {
  for (const char *name :
       {"float32", "int64", "uint8", "bool", "int32", "float64", "float16", "bfloat16", "int8", "int16", "complex64",
        "complex128", "uint16", "uint32", "uint64", "float8_e4m3fn", "float8_e5m2"}) {
    CHECK(dtype_name(dtype_of(name).value()) == std::string(name));
  }
  CHECK((dtype_of("long").value() == dtype::int64));
  CHECK_FALSE(dtype_of("float128").has_value());
  CHECK(dtype_name({kDLInt, 4, 1}) == std::string("?"));
  CHECK(device_name(cpu) == "cpu");
  CHECK(device_name({kDLCUDA, 1}) == "cuda:1");
  CHECK(shape_text(Shape{1, 2}) == "[1, 2]");
  CHECK(shape_text(Shape{}) == "[]");
}

TEST_CASE("size: what a value stands for, and no more than can be counted") {
  CHECK(bytes_of(Value().c()) == 64);
  CHECK(bytes_of(Value::map({{"key", Value::string("text")}}).c()) == 64 + 3 + 64 + 4);
  const auto repeated = [](const Shape &shape) {
    static float one = 1;
    return Tensor::over(&one, dtype::float32, shape, nullptr, true, Shape(shape.size(), 0));
  };
  constexpr int64_t most = std::numeric_limits<int64_t>::max();
  CHECK(bytes_of(repeated({1024, 3}).c()) == 64 + 4 * 3072);
  CHECK(bytes_of(repeated({int64_t{1} << 62}).c()) == most);
  CHECK(bytes_of(repeated({int64_t{1} << 31, int64_t{1} << 31}).c()) == most);
  CHECK(bytes_of(Value::list({repeated({int64_t{1} << 60}), repeated({int64_t{1} << 60})}).c()) == most);
}

TEST_CASE("object: it is destroyed once, and what its destroy throws has nowhere to go") {
  static int destroyed = 0;
  static const mrun_type type{sizeof(mrun_type),
                              0,
                              "test.Thrower",
                              "",
                              [](void *) {
                                ++destroyed;
                                throw 1;
                              },
                              nullptr};
  destroyed = 0;
  {
    const Value object = object_value(&type, &destroyed), other = object;
    CHECK(destroyed == 0);
  }
  CHECK(destroyed == 1);
}

TEST_CASE("half: every 16-bit float is widened exactly") {
  CHECK(from_half(0x3C00) == 1.0f);
  CHECK(from_half(0x0001) == 0x1p-24f);
  CHECK(from_half(0x03FF) == 1023 * 0x1p-24f);
  CHECK(from_half(0x0400) == 0x1p-14f);
  CHECK(from_half(0x7BFF) == 65504.0f);
  CHECK(std::isinf(from_half(0xFC00)));
  CHECK(std::isnan(from_half(0x7C01)));
  CHECK(std::signbit(from_half(0x8000)));
  CHECK(from_bfloat16(0xC000) == -2.0f);
}
