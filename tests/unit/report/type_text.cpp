#include "report/type_text.h"

#include "catch.h"
#include "value/json.h"

using namespace mrun;

TEST_CASE("types: values as one would write their types") {
  const auto type = [](const char *json) { return type_text(parse_json(json)); };
  CHECK(type("null") == "null");
  CHECK(type("\"x\"") == "string");
  CHECK(type(R"({"label": "x", "score": 0.5})") == "{label: string, score: number}");
  CHECK(type(R"([{"a": 1}, {"a": 2}])") == "[{a: number} x 2]");
  CHECK(type("[1, 0.5, 3]") == "[number x 3]");
  CHECK(type("[1, \"x\", true]") == "[number, string, boolean]");
  CHECK(type("[]") == "[]");
  CHECK(type("{}") == "{}");
  CHECK(type(R"({"$bytes": "aGk=", "type": "image/png"})") == "bytes image/png");
}

TEST_CASE("types: long and deep values are cut, and nothing reaches a terminal raw") {
  std::string map = "{";
  for (int i = 0; i < 40; ++i) map += fmt::format("{}\"k{:02}\": 1", i == 0 ? "" : ", ", i);
  CHECK(type_text(parse_json(map + "}")).ends_with("k11: number, …}"));
  std::string mixed = "[";
  for (int i = 0; i < 40; ++i) mixed += fmt::format("{}{}", i == 0 ? "" : ", ", i % 2 == 0 ? "1" : "\"x\"");
  CHECK(type_text(parse_json(mixed + "]")).ends_with(", …]"));
  CHECK(type_text(parse_json(std::string(20, '[') + std::string(20, ']'))).find("…") != std::string::npos);
  CHECK(type_text(parse_json(R"({"\u001b[2J": 1})")).find('\x1b') == std::string::npos);
}
