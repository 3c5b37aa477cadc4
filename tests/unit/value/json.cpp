#include "value/json.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "catch.h"

using namespace mrun;

namespace {

std::string message(const std::function<void()> &f) {
  try {
    f();
  } catch (const Error &e) { return e.message; }
  return "no error";
}

std::string refused(std::string_view text, const JsonSource &source = {}) {
  return message([&] { parse_json(text, source); });
}

template <class T>
Tensor tensor(DLDataType type, const Shape &shape, const std::vector<T> &items) {
  Tensor t = Tensor::empty(type, shape);
  std::copy(items.begin(), items.end(), t.data<T>());
  return t;
}

std::string styled(const Value &v, JsonOptions::Style style) {
  JsonOptions options;
  options.style = style;
  return to_json(v, options);
}

Value nested(size_t levels) {
  Value v = Value::list({});
  for (size_t i = 1; i < levels; ++i) v = Value::list({v});
  return v;
}

}  // namespace

TEST_CASE("JSON: every kind of value is read") {
  const Value v =
      parse_json(R"( {"a": [1, -2, 3.5, true, false, null], "b": {}, "c": [], "d": "é\u00e9\ud83d\ude00\n"} )");
  REQUIRE(v.is_map());
  const auto a = v.find("a")->as_list();
  REQUIRE(a.size() == 6);
  CHECK(a[0].as_int() == 1);
  CHECK(a[1].as_int() == -2);
  CHECK(a[2].as_number() == 3.5);
  CHECK(a[3].as_bool());
  CHECK(a[5].is_nil());
  CHECK(v.find("b")->is_map());
  CHECK(v.find("c")->is_list());
  CHECK(v.find("d")->as_string() == "éé😀\n");
}

TEST_CASE("JSON: integers are exact, other numbers doubles") {
  CHECK(parse_json("9223372036854775807").as_int() == INT64_MAX);
  CHECK(parse_json("-9223372036854775808").as_int() == INT64_MIN);
  CHECK(parse_json("9223372036854775808.0").as_number() == 0x1p63);
  CHECK(parse_json("123456789012345678901234567890e0").as_number() == 123456789012345678901234567890.0);
  CHECK(parse_json("1.0").is_float());
  CHECK(to_json(parse_json("[-0, 0]")) == "[-0,0]");
  CHECK(parse_json("1e2").is_float());
  CHECK(parse_json("0.1").as_number() == 0.1);
  CHECK(parse_json("5e-324").as_number() == 5e-324);
}

TEST_CASE("JSON: integers beyond int64 are refused, never rounded") {
  for (const std::string text : {"9223372036854775808", "-9223372036854775809", "18446744073709551615",
                                 "18446744073709551617", "123456789012345678901234567890"}) {
    CHECK(refused("[0, " + text + "]").find("the integer " + text + " is beyond int64") != std::string::npos);
  }
  CHECK(to_json(parse_json("[1e19, 18446744073709551616.0]")) == "[1e+19,1.8446744073709552e+19]");
}

TEST_CASE("JSON: what people write for it is told how JSON writes it") {
  const std::pair<const char *, const char *> cases[] = {
      {"", "it is empty"},
      {"{'a': 1}", "column 2: invalid literal; a key wants double quotes"},
      {"{a: 1}", "a key wants double quotes"},
      {"['a']", "column 2: invalid literal; a text wants double quotes"},
      {"hello", "a text wants double quotes: \"hello\""},
      {"{\"a\": True}", "it is written true"},
      {"[None]", "it is written null"},
      {"[NaN]", "no NaN"},
      {"[1, 2,]", "no comma stands behind the last value"},
      {"{\"a\": 1,}", "no comma stands behind the last value"},
      {"{\"a\": 1 \"b\": 2}", "a comma is missing"},
      {"[1 2]", "a comma is missing"},
      {"(1, 2)", "a list is written in brackets"},
      {"{1, 2}", "a list stands in brackets"},
      {"{\"a\": tensor([1])}", "a nested list"},
      {"“a”", "plain quotes"},
      {"// note\n[1]", "no comments"},
      {"[1, 2", "it ends early"},
      {"{\"a\": 1}}", "it closes nothing"},
      {"{\"a\": 1}\n{\"a\": 2}", "--jsonl"},
      {"\"C:\\data\"", "a backslash is written \\\\"},
      {"<html>", "web page"},
      {".5", "a digit before the point"},
      {"1,5", "a number's point is a point"}};
  for (const auto &[text, advice] : cases) {
    INFO(text << ": " << refused(text));
    CHECK(refused(text).find(advice) != std::string::npos);
  }
}

TEST_CASE("JSON: what RFC 8259 does not allow is refused, with its place") {
  CHECK(refused("{\"a\": 1,\n  \"b\" 2}") == "JSON: line 2, column 7: unexpected number literal; expected ':'");
  CHECK(refused("[1, 2,]").find("line 1, column 7: unexpected ']'") != std::string::npos);
  CHECK(refused("1e999").find("number overflow") != std::string::npos);
  CHECK(refused("{\"a\": 1, \"b\": 2, \"a\": 3}").find("the key 'a' is twice") != std::string::npos);
  CHECK(refused("\xEF\xBB\xBF{}").find("byte order mark") != std::string::npos);
  CHECK(refused(std::string_view("[1]\0", 4)).find("line 1, column 4: a zero byte") != std::string::npos);
  CHECK(refused(std::string_view("[\"a\0b\"]", 7)).find("zero byte") != std::string::npos);
  for (const char *text : {"",
                           " ",
                           "nul",
                           "True",
                           "NaN",
                           "Infinity",
                           "-",
                           "01",
                           "1.",
                           ".5",
                           "+1",
                           "0x10",
                           "1e",
                           "'a'",
                           "\"a",
                           "\"\x01\"",
                           "\"\xff\"",
                           "\"\xc0\xaf\"",
                           "\"\xed\xa0\x80\"",
                           "\"\\ud800\"",
                           "\"\\udc00\"",
                           "\"\\ud800\\u0041\"",
                           "\"\\x\"",
                           "[",
                           "[1",
                           "[1 2]",
                           "{",
                           "{1: 2}",
                           "{\"a\"}",
                           "{\"a\": 1,}",
                           "{\"a\": 1} x",
                           "[1]]",
                           "// c\n1",
                           "/* */ 1",
                           "\"\t\"",
                           "\"\n\"",
                           "\xa0",
                           "[,]",
                           "{,}",
                           "--1",
                           "\"\\u12\""}) {
    INFO(text);
    CHECK(refused(text) != "no error");
  }
}

TEST_CASE("JSON: an error carries the source's name and code, and no control characters") {
  JsonSource source;
  source.name = "labels.json";
  source.code = MRUN_BUNDLE;
  try {
    parse_json("\"\x1b[31m\n", source);
    FAIL();
  } catch (const Error &e) {
    CHECK(e.code == MRUN_BUNDLE);
    CHECK(e.message.starts_with("labels.json: line 1, column 2: "));
    CHECK(e.message.find('\x1b') == std::string::npos);
    CHECK(e.message.find('\n') == std::string::npos);
  }
}

TEST_CASE("JSON: depth is limited when reading") {
  JsonSource source;
  source.depth = 16;
  const std::string sixteen = std::string(16, '[') + std::string(16, ']');
  CHECK(parse_json(sixteen, source).is_list());
  CHECK(refused("[" + sixteen + "]", source).find("deeper than 16 levels") != std::string::npos);
  CHECK(refused(std::string(10'000'000, '[')).find("deeper than 1000 levels") != std::string::npos);
}

TEST_CASE("JSON: values are written in every style") {
  const Value v = Value::map({{"b", Value::list({Value::integer(1), Value::number(2.5)})},
                              {"a", Value::map({})},
                              {"c", Value::list({})},
                              {"é", Value::string("x")}});
  CHECK(to_json(v) == R"({"a":{},"b":[1,2.5],"c":[],"é":"x"})");
  CHECK(styled(v, JsonOptions::Style::pretty) ==
        "{\n  \"a\": {},\n  \"b\": [1, 2.5],\n  \"c\": [],\n  \"é\": \"x\"\n}");
  CHECK(styled(v, JsonOptions::Style::canonical) ==
        "{\n \"a\": {},\n \"b\": [\n  1,\n  2.5\n ],\n \"c\": [],\n \"\\u00e9\": \"x\"\n}\n");
  CHECK(to_json(Value()) == "null");
  CHECK(to_json(Value::boolean(true)) == "true");
}

TEST_CASE("JSON: numbers are as short as they can be") {
  const auto number = [](double x) { return to_json(Value::number(x)); };
  CHECK(number(1) == "1");
  CHECK(number(-0.0) == "-0");
  CHECK(number(100000) == "100000");
  CHECK(number(1e15) == "1000000000000000");
  CHECK(number(1e16) == "1e+16");
  CHECK(number(1e-7) == "1e-07");
  CHECK(number(0.0001) == "0.0001");
  CHECK(number(0.1) == "0.1");
  CHECK(number(1.0 / 3) == "0.3333333333333333");
  CHECK(number(5e-324) == "5e-324");
  CHECK(number(std::numeric_limits<double>::max()) == "1.7976931348623157e+308");
  CHECK(to_json(Value::integer(INT64_MIN)) == "-9223372036854775808");
  CHECK(to_json(Value::integer(9007199254740993)) == "9007199254740993");
  CHECK(styled(Value::number(1), JsonOptions::Style::canonical) == "1.0\n");
}

TEST_CASE("JSON: tensors are nested lists of their dtype's values") {
  CHECK(to_json(tensor<float>(dtype::float32, {2, 2}, {0.1f, 1, 2.5f, -3})) == "[[0.1,1],[2.5,-3]]");
  CHECK(to_json(tensor<float>(dtype::float32, {}, {0.1f})) == "0.1");
  CHECK(to_json(tensor<float>(dtype::float32, {2, 0}, {})) == "[[],[]]");
  CHECK(to_json(tensor<uint8_t>(dtype::boolean, {2}, {1, 0})) == "[true,false]");
  CHECK(to_json(tensor<uint8_t>(dtype::uint8, {2}, {255, 0})) == "[255,0]");
  CHECK(to_json(tensor<int64_t>(dtype::int64, {1}, {9007199254740993})) == "[9007199254740993]");
  CHECK(to_json(tensor<uint16_t>(dtype::float16, {4}, {0x3C00, 0xC000, 0x0001, 0x2E66})) ==
        "[1,-2,5.9604645e-08,0.099975586]");
  CHECK(to_json(tensor<uint16_t>(dtype::bfloat16, {2}, {0x3F80, 0x3DCD})) == "[1,0.100097656]");
  const Tensor t = tensor<int32_t>(dtype::int32, {2, 3}, {1, 2, 3, 4, 5, 6});
  CHECK(to_json(t.view({3, 2}, {1, 3}, 0)) == "[[1,4],[2,5],[3,6]]");
  CHECK(styled(t, JsonOptions::Style::pretty) == "[\n  [1, 2, 3],\n  [4, 5, 6]\n]");
}

TEST_CASE("JSON: what it cannot hold is an error that names the place") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Value v = Value::map({{"score", Value::list({Value::number(1), Value::number(2), Value::number(nan)})}});
  CHECK(message([&] { to_json(v); }) == "answer.score[3] is NaN, which JSON cannot hold");
  const Tensor t = tensor<float>(dtype::float32, {2, 1}, {1, -std::numeric_limits<float>::infinity()});
  const Value spaced = Value::map({{"a b", t}});
  CHECK(message([&] { to_json(spaced); }) == "answer[\"a b\"][1][0] is -infinity, which JSON cannot hold");
  CHECK(message([&] { to_json(Value::string("ab\xff")); }) == "answer is not valid UTF-8 at byte 2: 'ab\\xff'");
  CHECK(message([&] { to_json(Value::map({{"\xff", Value()}})); }).find("not valid UTF-8") != std::string::npos);
  CHECK(message([&] { to_json(Tensor::empty(dtype::complex64, {1})); }).find("dtype complex64") != std::string::npos);
  CHECK(message([&] { to_json(Tensor::empty(dtype::float32, {10001})); }).find("--save") != std::string::npos);
}

TEST_CASE("JSON: the code of an error is the caller's") {
  JsonOptions options;
  options.code = MRUN_INPUT;
  try {
    to_json(Value::number(std::numeric_limits<double>::infinity()), options);
    FAIL();
  } catch (const Error &e) { CHECK(e.code == MRUN_INPUT); }
}

TEST_CASE("JSON: depth and size are limited when writing") {
  CHECK(to_json(nested(1000)).size() == 2000);
  CHECK(message([&] { to_json(nested(1001)); }).find("deeper than 1000 levels") != std::string::npos);
  JsonOptions options;
  options.max_bytes = 10;
  CHECK(message([&] { to_json(Value::string("0123456789"), options); }).find("larger than") != std::string::npos);
  CHECK(to_json(Value::string("01234567"), options) == "\"01234567\"");
}

TEST_CASE("JSON: bytes are base64, or what the caller saves them as") {
  const Tensor bytes = tensor<uint8_t>(dtype::uint8, {4}, {0, 255, 254, 1}).with_media_type("image/png");
  CHECK(to_json(bytes) == R"({"$bytes":"AP/+AQ==","type":"image/png"})");
  JsonOptions options;
  std::vector<std::string> places;
  options.save = [&](const Tensor &, const std::string &place) {
    places.push_back(place);
    return Value::string("saved");
  };
  const Value v = Value::list({bytes, Tensor::empty(dtype::float32, {10001}), tensor<float>(dtype::float32, {1}, {1})});
  CHECK(to_json(v, options) == R"(["saved","saved",[1]])");
  CHECK(places == std::vector<std::string>{"answer[1]", "answer[2]"});
}

TEST_CASE("JSON: nothing written disturbs a terminal or a reader of lines") {
  CHECK(to_json(Value::string("\x1b\x7f\xc2\x9b\xe2\x80\xa8\n/\"\\")) == R"("\u001b\u007f\u009b\u2028\n/\"\\")");
  CHECK(styled(Value::string("é😀\x7f"), JsonOptions::Style::canonical) == "\"\\u00e9\\ud83d\\ude00\\u007f\"\n");
}
