#include "base/error.h"
#include "catch.h"
#include "plugin/schema.h"
#include "support.h"

using namespace mrun;
using namespace mrun::test;

namespace {
Value map(std::vector<std::pair<std::string, Value>> entries) { return Value::map(std::move(entries)); }
Value list(std::vector<Value> items) { return Value::list(std::move(items)); }

Error wrong(const Schema &s, const std::vector<Value> &args, const Value &keywords = {}) {
  try {
    const Arguments bound(s, raw(args), keywords.c());
  } catch (const Error &e) {
    CHECK(fit(s, raw(args), keywords.c()) < 0);
    CHECK(e.code == MRUN_ARGUMENT);
    CHECK(e.operation == s.full_name());
    return e;
  }
  FAIL("nothing was wrong");
  return {};
}

// The one argument of a schema with this parameter, as JSON-like text.
std::string text_of(const mrun_value &v) {
  switch (v.kind) {
    case MRUN_NIL: return "nil";
    case MRUN_BOOL: return v.as.boolean ? "true" : "false";
    case MRUN_INT: return fmt::format("{}", v.as.integer);
    case MRUN_FLOAT: return fmt::format("{:.1f}", v.as.number);
    case MRUN_STRING: return fmt::format("'{}'", std::string_view(v.as.string.data, v.as.string.size));
    case MRUN_TENSOR: return "tensor";
    case MRUN_LIST: {
      std::string s = "[";
      for (size_t i = 0; i < v.as.list.size; ++i) s += (i ? " " : "") + text_of(v.as.list.items[i]);
      return s + "]";
    }
    case MRUN_MAP: {
      std::string s = "{";
      for (size_t i = 0; i < v.as.map.size; ++i) {
        const mrun_entry &e = v.as.map.items[i];
        s += fmt::format("{}{}={}", i ? " " : "", std::string_view(e.key.data, e.key.size), text_of(e.value));
      }
      return s + "}";
    }
    default: return "?";
  }
}
std::string bound(const std::string &parameter, const Value &given) {
  const Schema s = parse_schema("t.op@1(" + parameter + " x) -> ()");
  const std::vector<Value> args{given};
  return text_of(Arguments(s, raw(args), mrun_value{}).values()[0]);
}
int cost(const std::string &parameter, const Value &given) {
  const Schema s = parse_schema("t.op@1(" + parameter + " x) -> ()");
  const std::vector<Value> args{given};
  return fit(s, raw(args), mrun_value{});
}
}  // namespace

TEST_CASE("values become exactly what the schema says") {
  const Tensor t = floats({1, 2});
  CHECK(bound("int", of(3)) == "3");
  CHECK(bound("int", of(3.0)) == "3");
  CHECK(bound("int", of(-9007199254740992.0)) == "-9007199254740992");
  CHECK(bound("float", of(3)) == "3.0");
  CHECK(bound("float", of(2.5)) == "2.5");
  CHECK(bound("bool", of(true)) == "true");
  CHECK(bound("str", of("a")) == "'a'");
  CHECK(bound("Scalar", of(true)) == "true");
  CHECK(bound("Scalar", of(2)) == "2");
  CHECK(bound("Scalar", of(2.5)) == "2.5");
  CHECK(bound("Any", of("x")) == "'x'");
  CHECK(bound("Any", Value()) == "nil");
  CHECK(bound("int?", Value()) == "nil");
  CHECK(bound("Tensor", t) == "tensor");
  CHECK(bound("Tensor[]", t) == "[tensor]");
  CHECK(bound("int[]", of(4.0)) == "[4]");
  CHECK(bound("int[3]", of(4.0)) == "[4 4 4]");
  CHECK(bound("int[3]", list(values(1.0, 2.0, 3.0))) == "[1 2 3]");
  CHECK(bound("int[3]", list(values(2.0))) == "[2 2 2]");
  CHECK(bound("int[1]", list(values(1.0, 2.0))) == "[1 2]");
  CHECK(bound("int[]", list({})) == "[]");
  CHECK(bound("float[]", list(values(1, 2.5))) == "[1.0 2.5]");
  CHECK(bound("int?[]", list({of(1.0), Value()})) == "[1 nil]");
  CHECK(bound("str[]", of("a")) == "['a']");
  CHECK(bound("ScalarType", of("long")) == "'int64'");
  CHECK(bound("ScalarType", of("float32")) == "'float32'");
  CHECK(bound("ScalarType[]", list(values("half", "float32"))) == "['float16' 'float32']");
  CHECK(bound("Device", of("cuda")) == "'cuda:0'");
  CHECK(bound("Device", of("cuda:12")) == "'cuda:12'");
  CHECK(bound("Dict(str, int)", map({{"b", of(2.0)}, {"a", of(1)}})) == "{a=1 b=2}");
  CHECK(bound("Dict(str, float[2])", map({{"a", of(1)}})) == "{a=[1.0 1.0]}");
  CHECK(bound("Dict(str, Tensor)", list({})) == "{}");
}

TEST_CASE("what is right already is passed on as it is") {
  const Schema s = parse_schema("t.op@1(int[] x, Dict(str, str) y) -> ()");
  const std::vector<Value> args{list(values(1, 2)), map({{"a", of("b")}})};
  const Arguments a(s, raw(args), mrun_value{});
  CHECK(a.values()[0].as.list.items == args[0].c().as.list.items);
  CHECK(a.values()[1].as.map.items == args[1].c().as.map.items);
}

TEST_CASE("what does not fit is refused: argument, what came, what was wanted") {
  const struct {
    const char *parameter;
    Value given;
    const char *says;
  } bad[] = {
      {"int", of(2.5), "t.op: x: want int, got the number 2.5, which has a fraction"},
      {"int", of(std::nan("")), "which is no integer"},
      {"int", of(9007199254740994.0), "which is beyond 2^53"},
      {"int", of(std::numeric_limits<double>::infinity()), "beyond 2^53"},
      {"int", of(true), "want int, got"},
      {"int", of("3"), "want int, got a string of 1 byte"},
      {"int", Value(), "is missing; want int"},
      {"float", of(true), "want float"},
      {"bool", of(1), "want bool"},
      {"str", of(1), "want str"},
      {"Tensor", of(1), "want Tensor"},
      {"Tensor[]", list({of(1)}), "item 1: want Tensor"},
      {"int[]", of("x"), "want int[], got a string"},
      {"int[]", list(values(1, 2.5)), "item 2: want int, got the number 2.5, which has a fraction"},
      {"int[2]", of("x"), "want int[2], got"},
      {"int[2]", list(values(1, 2, 3)), "want a list of 2, got one of 3"},
      {"int[2]", list({}), "want a list of 2, got one of 0"},
      {"int?[]", list({Value(), of("a")}), "item 2: want int?"},
      {"ScalarType", of("quaternion"), "names no dtype"},
      {"Device", of("gpu"), "devices are"},
      {"Device", of("cuda:01"), "devices are"},
      {"Device", of("cuda:"), "devices are"},
      {"Dict(str, int)", map({{"a", of("b")}}), "x: a: want int, got a string"},
      {"Dict(str, int)", list(values(1)), "want Dict(str, int), got"},
      {"Callable", of(1), "want Callable"},
      {"Generator", of(1), "want Generator"},
      {"text.Model", of(1), "want text.Model"},
  };
  for (const auto &b : bad) {
    INFO(b.parameter << " " << b.says);
    const Schema s = parse_schema("t.op@1(" + std::string(b.parameter) + " x) -> ()");
    const Error e = wrong(s, {b.given});
    CHECK(e.argument == "x");
    CHECK_THAT(e.message, Catch::Matchers::ContainsSubstring(b.says));
  }
}

TEST_CASE("keywords, defaults and their errors") {
  const Schema s = parse_schema("t.op@1(int a, int b=2, *, str c='x', int? d=None) -> ()");
  const auto all = [&](const std::vector<Value> &args, const Value &keywords) {
    std::string text;
    const Arguments bound_args(s, raw(args), keywords.c());
    for (const mrun_value &v : bound_args.values()) text += text_of(v) + " ";
    return text;
  };
  CHECK(all(values(1), {}) == "1 2 'x' nil ");
  CHECK(all(values(1, 3), map({{"c", of("y")}})) == "1 3 'y' nil ");
  CHECK(all({}, map({{"d", of(4.0)}, {"a", of(5.0)}})) == "5 2 'x' 4 ");
  CHECK(all({of(1), Value()}, map({{"b", of(7)}})) == "1 7 'x' nil ");
  CHECK(all(values(1), map({{"b", Value()}})) == "1 2 'x' nil ");
  CHECK_THAT(wrong(s, {}).message, Catch::Matchers::ContainsSubstring("t.op: a: is missing; want int"));
  CHECK_THAT(wrong(s, values(1, 2, 3)).message,
             Catch::Matchers::ContainsSubstring("at most 2 arguments by position, got 3"));
  CHECK_THAT(wrong(s, values(1), map({{"a", of(2)}})).message, Catch::Matchers::ContainsSubstring("a: is given twice"));
  CHECK_THAT(wrong(s, values(1), map({{"e", of(2)}})).message,
             Catch::Matchers::ContainsSubstring("no parameter is called \"e\"; there are: a, b, c, d"));
}

TEST_CASE("a map is an argument where a Dict or Any is next, else keywords") {
  const Schema any = parse_schema("t.op@1(Any value, *, int indent=0) -> ()");
  const Value m = map({{"value", of(1)}});
  CHECK(text_of(Arguments(any, {}, m.c()).values()[0]) == "{value=1}");
  const Schema optional = parse_schema("t.op@1(int a, Dict(str, int)? extra=None, *, int n=0) -> ()");
  const std::vector<Value> one = values(1);
  const Value keys = map({{"n", of(3)}}), other = map({{"k", of(3)}});
  CHECK(text_of(Arguments(optional, raw(one), keys.c()).values()[2]) == "3");
  CHECK(text_of(Arguments(optional, raw(one), other.c()).values()[1]) == "{k=3}");
  const Schema required = parse_schema("t.op@1(Dict(str, int) a, int b=0) -> ()");
  const Value named = map({{"a", map({{"k", of(1)}})}, {"b", of(2)}}), own = map({{"a", of(1)}, {"b", of(2)}});
  CHECK(text_of(Arguments(required, {}, named.c()).values()[0]) == "{k=1}");
  CHECK(text_of(Arguments(required, {}, own.c()).values()[0]) == "{a=1 b=2}");
  const Value wrong_type = map({{"k", of("x")}, {"b", of(2)}});
  CHECK_THAT(wrong(required, {}, wrong_type).message, Catch::Matchers::ContainsSubstring("a: k: want int"));
}

TEST_CASE("many parameters") {
  std::string text = "t.op@1(";
  for (int i = 0; i < 40; ++i) text += fmt::format("{}int p{}={}", i ? ", " : "", i, i);
  const Schema s = parse_schema(text + ") -> ()");
  const Value keywords = map({{"p39", of(-1.0)}});
  const Arguments a(s, {}, keywords.c());
  REQUIRE(a.values().size() == 40);
  CHECK(a.values()[38].as.integer == 38);
  CHECK(a.values()[39].as.integer == -1);
}

TEST_CASE("costs order the overloads") {
  CHECK(cost("int", of(3.0)) == 0);
  CHECK(cost("float", of(3.0)) == 1);
  CHECK(cost("Scalar", of(3.0)) == 1);
  CHECK(cost("Scalar", of(true)) == 2);
  CHECK(cost("bool", of(true)) == 0);
  CHECK(cost("int[2]", of(3.0)) == 1);
  CHECK(cost("int[]", list(values(1.0, 2.0))) == 0);
  CHECK(cost("float[]", list(values(1.0, 2.0))) == 1);
  CHECK(cost("int?", Value()) == 0);
  CHECK(cost("int", of(2.5)) < 0);
  CHECK(cost("int", of(true)) < 0);
  CHECK(cost("Tensor", of(1)) < 0);
  CHECK(cost("Any", of(1)) == 3);
  const Schema s = parse_schema("t.op@1(int a=1, int? b=None) -> ()");
  const std::vector<Value> nils{Value(), Value()};
  CHECK(fit(s, raw(nils), mrun_value{}) == 1);
  CHECK(fit(s, {}, mrun_value{}) == 0);
}
