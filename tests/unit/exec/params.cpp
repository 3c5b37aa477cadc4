#include "exec/params.h"

#include "base/error.h"
#include "catch.h"
#include "value/json.h"

using namespace mrun;

namespace {

const char *const declared = R"({"top_k": 5, "scale": 0.5, "name": "x", "flags": [1], "a": {"b": true}})";

std::string overridden(const std::string &overrides) {
  return to_json(override_params(parse_json(declared), parse_json(overrides)));
}

std::string refusal(const std::string &overrides) {
  try {
    overridden(overrides);
  } catch (const Error &e) {
    REQUIRE(e.code == MRUN_USAGE);
    return e.message;
  }
  FAIL("accepted: " << overrides);
  return {};
}

}  // namespace

TEST_CASE("an override replaces a declared parameter, inside tables too") {
  REQUIRE(overridden(R"({"top_k": 3})") == R"({"a":{"b":true},"flags":[1],"name":"x","scale":0.5,"top_k":3})");
  REQUIRE(overridden(R"({"a.b": false, "flags": []})") ==
          R"({"a":{"b":false},"flags":[],"name":"x","scale":0.5,"top_k":5})");
}

TEST_CASE("numbers convert where nothing is lost") {
  REQUIRE(overridden(R"({"top_k": 3.0})") == overridden(R"({"top_k": 3})"));
  REQUIRE(overridden(R"({"scale": 2})").find("\"scale\":2") != std::string::npos);
  REQUIRE(overridden(R"({"scale": "-9223372036854775809"})") == overridden(R"({"scale": -9223372036854775808.0})"));
  REQUIRE(refusal(R"({"scale": "12x"})").find("want a number") != std::string::npos);
  REQUIRE(refusal(R"({"scale": "1e400"})").find("want a number") != std::string::npos);
  REQUIRE(refusal(R"({"top_k": 3.5})").find("want an integer") != std::string::npos);
  REQUIRE(refusal(R"({"top_k": "9223372036854775808"})").find("fits 64 bits") != std::string::npos);
}

TEST_CASE("an undeclared parameter is refused and near misses are named") {
  REQUIRE(refusal(R"({"topk": 3})").find("top_k") != std::string::npos);
  REQUIRE(refusal(R"({"a.c": 3})").find("a.b") != std::string::npos);
  REQUIRE(refusal(R"({"top_k.x": 3})").find("not declared") != std::string::npos);
}

TEST_CASE("another type is refused") {
  REQUIRE(refusal(R"({"name": 3})").find("want a string") != std::string::npos);
  REQUIRE(refusal(R"({"a": 3})").find("want a map") != std::string::npos);
}
