#include "author/compare.h"

#include <algorithm>

#include "catch.h"
#include "value/json.h"

using namespace mrun;

namespace {

std::optional<Difference> json_difference(const char *a, const char *b, Tolerance t = {}) {
  return compare(parse_json(a), parse_json(b), t, "answer");
}

Tensor floats(std::vector<float> values, Shape shape) {
  Tensor t = Tensor::empty(dtype::float32, shape);
  std::copy(values.begin(), values.end(), t.data<float>());
  return t;
}

}  // namespace

TEST_CASE("equal values have no difference") {
  for (const char *text : {"null", "true", "3", "0.25", "\"x\"", "[1, [2]]", R"({"a": {"b": [1.5]}})"}) {
    REQUIRE_FALSE(json_difference(text, text));
  }
}

TEST_CASE("the first place that differs is named as a script would name it") {
  REQUIRE(json_difference(R"({"a": [1, 2]})", R"({"a": [1, 3]})")->place == "answer.a[2]");
  REQUIRE(json_difference(R"({"a": 1, "b": 2})", R"({"a": 1})")->place == "answer.b");
  REQUIRE(json_difference(R"({"a": 1})", R"({"a": 1, "z": 2})")->message == "got, but not expected");
  REQUIRE(json_difference("[1]", "[1, 2]")->message == "expected 1 entry, got 2");
  REQUIRE(json_difference("\"a\"", "3"));
  REQUIRE(json_difference("true", "false")->message == "expected true, got false");
}

TEST_CASE("numbers may differ within the tolerance, integers and strings may not") {
  REQUIRE_FALSE(json_difference("1.0001", "1.0", {1e-3, 0}));
  REQUIRE(json_difference("1.01", "1.0", {1e-3, 0}));
  REQUIRE_FALSE(json_difference("0.0", "0.000001", {0, 1e-5}));
  REQUIRE(json_difference("3", "4", {1, 1}));
}

TEST_CASE("tensors agree in dtype and shape, and report how many elements differ and by how much") {
  const Tensor a = floats({1, 2, 3, 4}, {2, 2}), b = floats({1, 2.5F, 3, 5}, {2, 2});
  const auto d = compare(a, b, {}, "x");
  REQUIRE(d->place == "x[0, 1]");
  REQUIRE(d->differing == 2);
  REQUIRE(d->of == 4);
  REQUIRE(d->max_abs == 1);
  REQUIRE_FALSE(compare(a, b, {0, 1}, "x"));
  REQUIRE(compare(a, floats({1, 2, 3, 4}, {4}), {1, 1}, "x"));
  const Tensor nan = floats({NAN}, {1});
  REQUIRE_FALSE(compare(nan, floats({-NAN}, {1}), {}, "x"));
}
