#include "exec/batch/collate.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "catch.h"
#include "exec/batch/call.h"
#include "exec/batch/split.h"

using namespace mrun;

namespace {

Tensor ints(std::vector<int64_t> values, Shape shape = {}) {
  if (shape.empty()) shape = {static_cast<int64_t>(values.size())};
  Tensor t = Tensor::empty(dtype::int64, shape);
  std::copy(values.begin(), values.end(), t.data<int64_t>());
  return t;
}

std::vector<int64_t> values_of(const Value &v) {
  const Tensor t = v.as_tensor().contiguous();
  return {t.data<int64_t>(), t.data<int64_t>() + t.numel()};
}

const Schema schema = parse_schema("forward(Tensor ids) -> Tensor");

// Keeps the calls that a batch refers to.
using Calls = std::vector<std::vector<Value>>;
struct Joined : Batch {
  Joined(const Schema &s, const BatchConfig &c, Calls given, const CollateOptions &how = {}) : owned(std::move(given)) {
    static_cast<Batch &>(*this) = collate(s, c, {owned.begin(), owned.end()}, how);
  }
  Joined(const Joined &) = delete;
  Joined &operator=(const Joined &) = delete;
  const Calls owned;
};

BatchConfig padded(bool left = false, int64_t multiple = 1) {
  BatchConfig c;
  c.pad["ids"] = Pad{{0}, -1, left, multiple};
  return c;
}

}  // namespace

TEST_CASE("stack gives one call a first dimension and takes it away again") {
  const BatchConfig config;
  const Joined batch(schema, config, {{ints({1, 2, 3})}});
  REQUIRE(batch.args[0].as_tensor().shape() == Shape{1, 3});
  REQUIRE(values_of(batch.args[0]) == std::vector<int64_t>{1, 2, 3});
  const auto calls = split(schema, config, batch, {batch.args[0]});
  REQUIRE(calls.size() == 1);
  REQUIRE(calls[0][0].as_tensor().shape() == Shape{3});
  REQUIRE(values_of(calls[0][0]) == std::vector<int64_t>{1, 2, 3});
}

TEST_CASE("stack joins equal shapes, strided ones too, and splits them back") {
  const BatchConfig config;
  const Tensor column = ints({1, 2, 3, 4}, {2, 2}).view({2}, {2}, 1);
  const Joined batch(schema, config, {{column}, {ints({5, 6})}});
  REQUIRE(values_of(batch.args[0]) == std::vector<int64_t>{2, 4, 5, 6});
  const auto calls = split(schema, config, batch, {batch.args[0]});
  REQUIRE(values_of(calls[1][0]) == std::vector<int64_t>{5, 6});
}

TEST_CASE("stack refuses different shapes and names the parameter") {
  try {
    const Joined batch(schema, BatchConfig{}, {{ints({1})}, {ints({1, 2})}});
    FAIL("no error");
  } catch (const Error &e) {
    REQUIRE(e.code == MRUN_MODEL);
    REQUIRE(e.message.find("ids") != std::string::npos);
  }
}

TEST_CASE("zero-size and 0-dimensional tensors survive stack and split") {
  const BatchConfig config;
  for (const Shape &shape : {Shape{0}, Shape{}, Shape{2, 0, 3}}) {
    const Tensor t = Tensor::empty(dtype::int64, shape);
    const Joined batch(schema, config, {{t}, {t}});
    Shape wanted = shape;
    wanted.insert(wanted.begin(), 2);
    REQUIRE(batch.args[0].as_tensor().shape() == wanted);
    REQUIRE(split(schema, config, batch, {batch.args[0]})[1][0].as_tensor().shape() == shape);
  }
}

TEST_CASE("pad fills up to the longest, on the named side, to a multiple") {
  const Joined right(schema, padded(), {{ints({1})}, {ints({2, 3})}});
  REQUIRE(values_of(right.args[0]) == std::vector<int64_t>{1, -1, 2, 3});
  const Joined left(schema, padded(true), {{ints({1})}, {ints({2, 3})}});
  REQUIRE(values_of(left.args[0]) == std::vector<int64_t>{-1, 1, 2, 3});
  const Joined eight(schema, padded(false, 8), {{ints({1})}});
  REQUIRE(eight.args[0].as_tensor().shape() == Shape{1, 8});
}

TEST_CASE("lengths and mask are filled in where the schema has them") {
  const Schema with = parse_schema("forward(Tensor ids, Tensor lengths, Tensor mask) -> Tensor");
  const Schema seen = script_schema(with, padded());
  REQUIRE(seen.parameters[1].has_default);
  REQUIRE(seen.parameters[2].has_default);
  const Joined batch(with, padded(), {{ints({7}), Value(), Value()}, {ints({8, 9}), Value(), Value()}});
  REQUIRE(values_of(batch.args[1]) == std::vector<int64_t>{1, 2});
  const Tensor &mask = batch.args[2].as_tensor();
  REQUIRE(mask.shape() == Shape{2, 2});
  const std::vector<uint8_t> bits(mask.data<uint8_t>(), mask.data<uint8_t>() + 4);
  REQUIRE(bits == std::vector<uint8_t>{1, 0, 1, 1});
}

TEST_CASE("lengths and mask that a script gives stay its own") {
  const Schema with = parse_schema("forward(Tensor ids, Tensor lengths, Tensor mask) -> Tensor");
  BatchConfig config = padded();
  config.pad["mask"] = Pad{{0}};
  const Joined batch(with, config, {{ints({7}), Value(), ints({0})}, {ints({8, 9}), Value(), ints({3, 4})}});
  REQUIRE(values_of(batch.args[1]) == std::vector<int64_t>{1, 2});
  REQUIRE(values_of(batch.args[2]) == std::vector<int64_t>{0, 0, 3, 4});
}

TEST_CASE("lengths that are no tensor to the model are the script's to give") {
  const Schema listed = parse_schema("forward(Tensor ids, int[]? lengths=None, Tensor? mask=None) -> Tensor");
  CHECK_FALSE(
      script_schema(parse_schema("forward(Tensor ids, int[] lengths) -> Tensor"), padded()).parameters[1].has_default);
  const Joined batch(listed, padded(), {{ints({7}), Value(), Value()}});
  CHECK(batch.args[1].is_nil());
  CHECK(batch.args[2].is_tensor());
}

TEST_CASE("unpad cuts results back to the argument's length") {
  BatchConfig config = padded();
  config.unpad["hidden"] = Unpad{0, "ids"};
  const Joined batch(schema, config, {{ints({1})}, {ints({2, 3})}});
  const Value results = Value::map({{"hidden", batch.args[0]}});
  const auto calls = split(schema, config, batch, {results});
  REQUIRE(values_of(*calls[0][0].find("hidden")) == std::vector<int64_t>{1});
  REQUIRE(values_of(*calls[1][0].find("hidden")) == std::vector<int64_t>{2, 3});
}

TEST_CASE("unpad of an argument that is padded in two dimensions goes by the one that is cut") {
  for (const bool left : {false, true}) {
    BatchConfig config;
    config.pad["ids"] = Pad{{0, 1}, -1, left, 1};
    const Schema three = parse_schema("forward(Tensor ids) -> (Tensor rows, Tensor columns, Tensor of_third)");
    config.unpad["rows"] = Unpad{0, "ids"};
    config.unpad["columns"] = Unpad{1, "ids"};
    config.unpad["of_third"] = Unpad{2, "ids"};
    const Joined batch(three, config, {{ints({1, 2, 3}, {1, 3})}, {ints({4, 5}, {2, 1})}});
    const Tensor x = batch.args[0].as_tensor();
    const Tensor behind = x.view({2, 1, 2, 3}, {6, 6, 3, 1}, 0);
    const auto calls = split(three, config, batch, {x, x, behind});
    CHECK(calls[0][0].as_tensor().shape() == Shape{1, 3});
    CHECK(calls[0][1].as_tensor().shape() == Shape{2, 3});
    CHECK(calls[0][2].as_tensor().shape() == Shape{1, 2, 1});
    CHECK(calls[1][0].as_tensor().shape() == Shape{2, 3});
    CHECK(calls[1][1].as_tensor().shape() == Shape{2, 1});
    CHECK(values_of(calls[0][0]) == std::vector<int64_t>{1, 2, 3});
    CHECK(values_of(calls[1][1]) == std::vector<int64_t>{4, 5});
  }
}

TEST_CASE("unpad finds a result by its name in the schema, and by its place") {
  const Schema named = parse_schema("forward(Tensor ids) -> (Tensor hidden, Tensor)");
  BatchConfig config = padded();
  config.unpad["hidden"] = Unpad{0, "ids"};
  config.unpad["2"] = Unpad{0, "ids"};
  const Joined batch(named, config, {{ints({1})}, {ints({2, 3})}});
  const auto calls = split(named, config, batch, {batch.args[0], batch.args[0]});
  for (const size_t result : {0, 1}) {
    REQUIRE(values_of(calls[0][result]) == std::vector<int64_t>{1});
    REQUIRE(values_of(calls[1][result]) == std::vector<int64_t>{2, 3});
  }
}

TEST_CASE("the items of a list are cut as the list is, in tables by their own keys alone") {
  const Schema lists = parse_schema("forward(Tensor ids) -> (Any layers, Any)");
  BatchConfig config = padded();
  config.unpad["layers"] = Unpad{0, "ids"};
  config.unpad["2"] = Unpad{0, "ids"};
  config.unpad["hidden"] = Unpad{0, "ids"};
  const Joined batch(lists, config, {{ints({1})}, {ints({2, 3})}});
  const Value x = batch.args[0];
  const Value nested = Value::list({x, Value::list({x})});
  const auto calls = split(lists, config, batch, {nested, Value::map({{"hidden", nested}, {"pooled", x}})});
  const auto first_of = [](const Value &layers) {
    CHECK(values_of(layers.as_list()[0]) == std::vector<int64_t>{1});
    CHECK(values_of(layers.as_list()[1].as_list()[0]) == std::vector<int64_t>{1});
  };
  first_of(calls[0][0]);
  first_of(*calls[0][1].find("hidden"));
  CHECK(calls[0][1].find("pooled")->as_tensor().numel() == 2);
}

TEST_CASE("rows that lie over each other in a result become each item's own") {
  const Schema two = parse_schema("forward(Tensor ids) -> (Tensor, Tensor)");
  const BatchConfig config;
  const Joined batch(two, config, {{ints({1, 2})}, {ints({3, 4})}});
  const auto separate = [&](const Tensor &a, const Tensor &b) {
    const auto calls = split(two, config, batch, {a, b});
    for (size_t result : {0, 1}) {
      const Tensor &mine = calls[0][result].as_tensor();
      const int64_t before = *calls[1][0].as_tensor().data<int64_t>(), also = *calls[1][1].as_tensor().data<int64_t>();
      std::fill_n(mine.data<int64_t>(), mine.numel(), -1);
      CHECK(*calls[1][0].as_tensor().data<int64_t>() == before);
      CHECK(*calls[1][1].as_tensor().data<int64_t>() == also);
    }
    return calls;
  };
  const Tensor line = ints({1, 2, 3, 4, 5, 6}), plain = ints({1, 2, 3, 4}, {2, 2});
  separate(line.view({2, 2}, {0, 1}, 0), plain);                         // expanded
  separate(line.view({2, 2}, {1, 1}, 0), plain);                         // windows
  separate(line.view({2, 2}, {2, 1}, 0), line.view({2, 2}, {2, 1}, 2));  // this and the next
  const auto views = separate(line.view({2, 2}, {3, 1}, 0), line.view({2, 1}, {3, 1}, 2));
  CHECK(views[0][1].as_tensor().data<int64_t>() == line.data<int64_t>() + 2);  // side by side: not copied
  const Tensor turned = line.view({2, 3}, {1, 2}, 0);
  CHECK(split(two, config, batch, {turned, plain})[1][0].as_tensor().data<int64_t>() == line.data<int64_t>() + 1);
}

TEST_CASE("concat brings rows one after the other and cuts them back") {
  BatchConfig config;
  config.mode = BatchConfig::Mode::concat;
  const Joined batch(schema, config, {{ints({1, 2}, {1, 2})}, {ints({3, 4, 5, 6}, {2, 2})}});
  REQUIRE(batch.args[0].as_tensor().shape() == Shape{3, 2});
  const auto calls = split(schema, config, batch, {batch.args[0]});
  REQUIRE(calls[0][0].as_tensor().shape() == Shape{1, 2});
  REQUIRE(values_of(calls[1][0]) == std::vector<int64_t>{3, 4, 5, 6});
}

TEST_CASE("none passes arguments and results as they are") {
  BatchConfig config;
  config.mode = BatchConfig::Mode::none;
  const Joined batch(schema, config, {{ints({1, 2})}});
  REQUIRE(batch.args[0].as_tensor().shape() == Shape{2});
  REQUIRE(values_of(split(schema, config, batch, {ints({9})})[0][0]) == std::vector<int64_t>{9});
}

TEST_CASE("a result without the batch in dimension 0 is an error that says what to do") {
  const BatchConfig config;
  const Joined batch(schema, config, {{ints({1})}, {ints({2})}});
  try {
    split(schema, config, batch, {ints({1, 2, 3})});
    FAIL("no error");
  } catch (const Error &e) {
    REQUIRE(e.code == MRUN_MODEL);
    REQUIRE(e.message.find("mode = \"none\"") != std::string::npos);
  }
}

TEST_CASE("a number of a whole batch is no item's") {
  const BatchConfig config;
  const auto alone = [&](const char *results) {
    PendingCall call;
    call.args = {ints({1})};
    prepare(call, parse_schema(std::string("forward(Tensor ids) -> ") + results), config, false);
    return call.alone;
  };
  for (const char *results : {"(Tensor, int)", "int[]", "(Tensor, str)", "(Tensor, Dict(str, float))", "bool"}) {
    INFO(results);
    CHECK(alone(results));
  }
  for (const char *results : {"Tensor", "(Tensor, Tensor?, Tensor[])", "Dict(str, Tensor)", "Any", "()"}) {
    INFO(results);
    CHECK_FALSE(alone(results));
  }
  // What the schema does not tell: the failure makes each of the calls run alone.
  const Joined two(schema, config, {{ints({1})}, {ints({2})}}), one(schema, config, {{ints({1})}});
  const std::vector<Value> nested = {Value::list({ints({1, 2}), Value::integer(3)})};
  try {
    split(schema, config, two, nested);
    FAIL("no error");
  } catch (const Error &e) {
    CHECK(e.code == MRUN_MODEL);
    CHECK(e.message.find("the result 1[2] is") != std::string::npos);
    CHECK(e.message.find("mode = \"none\"") != std::string::npos);
  }
  CHECK(split(schema, config, one, {Value::integer(3)})[0][0].as_int() == 3);
  CHECK(split(schema, config, two, {Value()})[1][0].is_nil());
}

TEST_CASE("lists and tables of tensors are joined inside") {
  const BatchConfig config;
  const auto call = [](int64_t v) {
    return std::vector<Value>{Value::list({ints({v}), Value::map({{"k", ints({v})}})})};
  };
  const Joined batch(schema, config, {call(1), call(2)});
  REQUIRE(values_of(batch.args[0].as_list()[0]) == std::vector<int64_t>{1, 2});
  REQUIRE(values_of(*batch.args[0].as_list()[1].find("k")) == std::vector<int64_t>{1, 2});
}

TEST_CASE("everything that joining makes is paid for: the batch, copies of steps, lengths and the mask") {
  const Schema with = parse_schema("forward(Tensor ids, Tensor lengths, Tensor mask) -> Tensor");
  const Tensor steps = ints({1, 0, 2, 0, 3, 0}, {3, 2}).view({3}, {2}, 0);
  const Calls calls{{steps, Value(), Value()}, {ints({8, 9, 10, 11}), Value(), Value()}};
  constexpr int64_t most = 2 * 4 * 8, lengths = 2 * 8, mask = 2 * 4;
  const auto budget = std::make_shared<Budget>(1 << 20);
  const Joined joined(with, padded(), calls, {budget});
  CHECK(budget->used() >= most + lengths + mask);
  CHECK_THROWS_AS(Joined(with, padded(), calls, {std::make_shared<Budget>(most + lengths)}), Error);
}

TEST_CASE("what fills up must fit the elements") {
  BatchConfig config = padded();
  config.pad["ids"].value = 300;
  const Tensor one = Tensor::empty(dtype::uint8, {1}), two = Tensor::empty(dtype::uint8, {2});
  CHECK_THROWS_WITH(Joined(schema, config, {{one}, {two}}),
                    Catch::Matchers::ContainsSubstring("300 does not fit an element of uint8"));
}

TEST_CASE("what fills up keeps its sign, and never becomes an infinity") {
  BatchConfig config = padded();
  config.pad["ids"].value = 65520.0;
  const Tensor one = Tensor::empty(dtype::float16, {1}), two = Tensor::empty(dtype::float16, {2});
  CHECK_THROWS_WITH(Joined(schema, config, {{one}, {two}}),
                    Catch::Matchers::ContainsSubstring("65520 does not fit an element of float16"));
  config.pad["ids"].value = -0.0;
  const Joined zero(schema, config, {{Tensor::empty(dtype::float64, {0})}, {Tensor::empty(dtype::float64, {1})}});
  CHECK(std::signbit(*zero.args[0].as_tensor().data<double>()));
}

TEST_CASE("tensors of several padded dimensions lie in the batch as if each had been filled up by itself") {
  const Schema image = parse_schema("forward(Tensor x) -> Tensor");
  const bool left = GENERATE(false, true);
  BatchConfig config;
  config.mode = GENERATE(BatchConfig::Mode::stack, BatchConfig::Mode::concat);
  config.pad["x"] = Pad{{1, 2}, -7, left, 2};  // to 4 x 4
  Calls calls;
  std::vector<int64_t> want;
  for (const Shape &shape : {Shape{2, 3, 1, 2}, Shape{2, 1, 4, 2}, Shape{2, 0, 3, 2}, Shape{2, 4, 4, 2}}) {
    std::vector<int64_t> numbers(static_cast<size_t>(shape[0] * shape[1] * shape[2] * shape[3]));
    std::iota(numbers.begin(), numbers.end(), 100 * static_cast<int64_t>(calls.size()));
    for (int64_t i = 0; i < 2 * 4 * 4 * 2; ++i) {
      const int64_t y = i / 8 % 4 - (left ? 4 - shape[1] : 0), x = i / 2 % 4 - (left ? 4 - shape[2] : 0);
      const bool real = y >= 0 && y < shape[1] && x >= 0 && x < shape[2];
      want.push_back(real ? numbers[static_cast<size_t>(((i / 32 * shape[1] + y) * shape[2] + x) * 2 + i % 2)] : -7);
    }
    calls.push_back({ints(std::move(numbers), shape)});
  }
  CHECK(values_of(Joined(image, config, calls).args[0]) == want);
}
