// Values there and back, tensors, params, pairs, patterns.
#include <algorithm>
#include <limits>
#include <random>

#include "support.h"

using namespace mrun;
using namespace mrun::test;

namespace {

Value random_value(std::mt19937 &r, int depth) {
  switch (r() % (depth > 0 ? 7 : 5)) {
    case 0: return Value::boolean(r() % 2 == 0);
    case 1: return Value::number(static_cast<double>(static_cast<int>(r() % 2000) - 1000) / 8);
    case 2: return Value::string(std::string(r() % 5, static_cast<char>('a' + r() % 26)));
    case 3: return Value::integer(static_cast<int64_t>(r()));
    case 4: return Value();
    case 5: {
      std::vector<Value> items;
      for (size_t n = r() % 5; n > 0; --n) items.push_back(random_value(r, depth - 1));
      return Value::list(std::move(items));
    }
    default: {
      std::vector<std::pair<std::string, Value>> entries;
      for (size_t n = r() % 5; n > 0; --n) entries.emplace_back(std::to_string(r() % 50), random_value(r, depth - 1));
      return Value::map(std::move(entries));
    }
  }
}

Tensor floats(const Shape &shape) {
  Tensor t = Tensor::empty(dtype::float32, shape);
  for (int64_t i = 0; i < t.numel(); ++i) t.data<float>()[i] = static_cast<float>(i);
  return t;
}

}  // namespace

TEST_CASE("Values that go through a script come back the same") {
  Script s(Script::body("return input"));
  std::mt19937 r(7);
  for (int i = 0; i < 500; ++i) {
    const Value v = random_value(r, 4);
    CHECK(to_json(s.preprocess(v)) == to_json(v));
  }
}
TEST_CASE("Integers beyond 2^53 and invalid UTF-8 are refused") {
  Script s(Script::body("return input"));
  CHECK(error_of([&] { s.preprocess(Value::integer((int64_t{1} << 53) + 1)); }).message.find("2^53") !=
        std::string::npos);
  CHECK(failure("return {a = {'ab\\255'}}")
            .message.find("what preprocess returned.a[1]: is a string that is not valid UTF-8 at byte 2") !=
        std::string::npos);
  CHECK(failure("return {1, 2, x = 3}").message.find("a list or a map, not both") != std::string::npos);
  CHECK(failure("return {1, nil, 3}").message.find("holes") != std::string::npos);
  CHECK(failure("return {f = tostring}").message.find(".f: is a function") != std::string::npos);
}
TEST_CASE("Tensors are indexed as PyTorch does, from 0") {
  Script s(Script::body(
      "local a, b, c = input:shape() local v = input:at(1, {}, {1, 4, 2}) "
      "return {a, b, c, input:size(-1), input:dim(), input:numel(), input.dtype, input.device, input[1][2][3], "
      "input[-1][-1][-1], input[0]:tolist(), v:tolist(), input:at(0, 1, 2):item(), tostring(input)}"));
  CHECK(
      to_json(s.preprocess(floats({2, 3, 4}))) ==
      R"([2,3,4,4,3,24,"float32","cpu",23,23,[[0,1,2,3],[4,5,6,7],[8,9,10,11]],[[13,15],[17,19],[21,23]],6,"tensor float32 [2, 3, 4]"])");
}
TEST_CASE("Positions out of range, broken or NaN are refused") {
  for (const char *wrong : {"input[2]", "input[-3]", "input[0.5]", "input[0/0]", "input[2^53 + 2]", "input:at(0, 5)",
                            "input:size(3)", "input:at({0, 1, 0})", "input:at({start = 1})", "input:at({0, 1, 1, 1})",
                            "input:at(0, 0, 0, 0)", "#input", "input:item()"}) {
    CAPTURE(wrong);
    Script s(Script::body(std::string("local x = ") + wrong + " return x"));
    const Error e = error_of([&] { s.preprocess(floats({2, 3, 4})); });
    CHECK((e.code == MRUN_ARGUMENT || e.code == MRUN_SCRIPT));
    CHECK(e.line == 1);
  }
}
TEST_CASE("A slice may be a list of the params") {
  Script s(Script::Files{{"bundle.toml",
                          "[bundle]\nname = \"t\"\n[input]\nkind = \"json\"\n[params]\nwindow = [1, 3]\n"
                          "far = [0, 4, 2, 9]\nnamed = {start = 1}\n"},
                         {"preprocess.lua",
                          "return function(input, params) local function fails(f, ...) return not pcall(f, ...) end "
                          "return {input:at(params.window):tolist(), fails(input.at, input, params.far), "
                          "fails(input.at, input, params.named)} end"}});
  CHECK(to_json(s.preprocess(floats({4}))) == "[[1,2],true,true]");
}
TEST_CASE("The input is read-only") {
  Script s(Script::body("input[0] = 1"));
  CHECK(error_of([&] { s.preprocess(floats({2})); }).message.find("read-only") != std::string::npos);
}
TEST_CASE("An output can be written in place, element by element") {
  Script s(Script::Files{{"preprocess.lua", "return function(x) return x end"},
                         {"postprocess.lua", "return function(t) t[1] = 7.5 t[-1] = 9 return t:tolist() end"}});
  CHECK(to_json(s.run(Stage::postprocess, {floats({4})})[0]) == "[0,7.5,2,9]");
}
TEST_CASE("Params behave as a read-only table") {
  const Script::Files files = {{"bundle.toml",
                                "[bundle]\nname = \"t\"\n[input]\nkind = \"json\"\n[params]\nk = 5\nmean = [0.5, "
                                "0.25]\n[params.deep]\nx = [[1], [2]]\n"},
                               {"preprocess.lua",
                                "return function(input, params)\n if input == 1 then params.k = 6 elseif input == 2 "
                                "then params.mean[1] = 0 end\n"
                                " local keys = {} for k in pairs(params) do keys[#keys + 1] = k end\n local sum = 0 "
                                "for i, m in ipairs(params.mean) do sum = sum + i * m end\n"
                                " return {params.k, #params.mean, sum, keys, type(params), {unpack(params.mean)}, "
                                "params.deep, params.deep.x[2][1], params.none == nil,\n"
                                " table.concat(params.mean, ' '), next(params), params.deep == params.deep} end"}};
  Script s(files);
  const std::string want =
      R"([5,2,1,["deep","k","mean"],"table",[0.5,0.25],{"x":[[1],[2]]},2,true,"0.5 0.25","deep",true])";
  const std::string got = to_json(s.preprocess());
  CHECK(got.substr(0, 40) == want.substr(0, 40));
  CHECK(error_of([&] { s.preprocess(Value::integer(1)); }).message.find("read-only") != std::string::npos);
  CHECK(error_of([&] { s.preprocess(Value::integer(2)); }).message.find("read-only") != std::string::npos);
  CHECK(to_json(s.preprocess()) == got);
}
TEST_CASE("pairs and next visit 1..n, then the other keys in a fixed order") {
  CHECK(result("local t = {b = 1, 'x', 'y', a = 2, [true] = 3, [0] = 4, [2.5] = 5, [-1] = 6, [false] = 7} local keys, "
               "other = {}, {} "
               "for k in pairs(t) do keys[#keys + 1] = tostring(k) end for k in next, t do other[#other + 1] = "
               "tostring(k) end "
               "return {table.concat(keys, ' '), table.concat(other, ' ')}") ==
        R"(["1 2 -1 0 2.5 a b false true","1 2 -1 0 2.5 a b false true"])");
  CHECK(result("local t = {1, 2, 3, x = 1, y = 2} for k in pairs(t) do t[k] = nil end return next(t) == nil") ==
        "true");
}
TEST_CASE("The order of pairs does not depend on how a table came to be") {
  std::mt19937 r(3);
  for (int i = 0; i < 50; ++i) {
    std::vector<std::string> keys;
    for (int k = 0; k < 20; ++k) keys.push_back(std::string(1 + r() % 3, static_cast<char>('a' + r() % 26)));
    const auto program = [&] {
      std::shuffle(keys.begin(), keys.end(), r);
      std::string body = "local t = {}";
      for (const std::string &k : keys) body += " t['gone" + k + "'] = 1 t['" + k + "'] = 1 t['gone" + k + "'] = nil";
      return body + " local o = {} for k in pairs(t) do o[#o + 1] = k end return o";
    };
    CHECK(result(program()) == result(program()));
  }
}
TEST_CASE("Patterns are Lua 5.1's") {
  const std::pair<const char *, const char *> cases[] = {
      {"('hello world'):find('o w')", "[5,7]"},
      {"('hello'):find('l+')", "[3,4]"},
      {"('a.b'):find('.', 2, true)", "[2,2]"},
      {"('key = value'):match('^(%w+)%s*=%s*(%w+)$')", "[\"key\",\"value\"]"},
      {"('x(a(b)c)y'):match('%b()')", "[\"(a(b)c)\"]"},
      {"('THE (quick) fox'):find('%f[%a]%a+%f[%A]', 5)", "[6,10]"},
      {"('abcabc'):match('(a)(b)()')", "[\"a\",\"b\",3]"},
      {"('aa bb cd'):match('(%a)%1 bb')", "[\"a\"]"},
      {"('abc'):gsub('%w', '%0%0')", "[\"aabbcc\",3]"},
      {"('abc'):gsub('', '-')", "[\"-a-b-c-\",4]"},
      {"('hello'):gsub('l', {l = 'L'}, 1)", "[\"heLlo\",1]"},
      {"('abc'):gsub('b', function() return false end)", "[\"abc\",1]"},
      {"('a-b'):match('[a%-]+')", "[\"a-\"]"},
      {"('a]b'):match('[]]')", "[\"]\"]"},
      {"('abc'):match('[^a-b]')", "[\"c\"]"},
      {"('aaa'):match('^a-$')", "[\"aaa\"]"},
      {"('x'):find('')", "[1,0]"},
      {"('x'):find('', 10)", "[2,1]"},
      {"('a\\0b'):match('%z(b)')", "[\"b\"]"},
      {"(' x '):match('^%s*(.-)%s*$')", "[\"x\"]"}};
  for (const auto &[code, want] : cases) {
    CAPTURE(code);
    CHECK(result(std::string("return {") + code + "}") == want);
  }
  CHECK(result("local t = {} for k, v in ('a=1, b=2'):gmatch('(%w+)=(%w+)') do t[k] = v end return t") ==
        R"({"a":"1","b":"2"})");
  for (const char *wrong : {"%", "[a", "(a", "a)", "%b", "%f", "%1"}) {
    CAPTURE(wrong);
    CHECK(failure(std::string("return ('aaa'):match('") + wrong + "')").code == MRUN_SCRIPT);
  }
}
TEST_CASE("table.sort is stable and takes any comparison") {
  CHECK(result(
            "local t = {} for i = 1, 100 do t[i] = {i % 3, i} end table.sort(t, function(a, b) return a[1] < b[1] end) "
            "for i = 2, 100 do assert(t[i - 1][1] < t[i][1] or (t[i - 1][1] == t[i][1] and t[i - 1][2] < t[i][2])) end "
            "local u = {3, 1, 2} table.sort(u) table.sort({1, 2, 3}, function() return true end) return u") ==
        "[1,2,3]");
  CHECK(failure("table.sort({1, 'a'})").code == MRUN_SCRIPT);
}

TEST_CASE("A slice's step may be larger than its tensor, whatever it would be multiplied with") {
  Script script(Script::body("return input:at({0, 2, 2^53}, {3, nil, 2^53})"));
  Tensor t = Tensor::empty(dtype::float32, {2, 2048});
  for (int64_t i = 0; i < t.numel(); ++i) t.data<float>()[i] = static_cast<float>(i);
  const Value slice = script.preprocess(t);
  REQUIRE(slice.as_tensor().shape() == Shape{1, 1});
  CHECK(slice.as_tensor().strides() == Shape{2048, 1});
  CHECK(*slice.as_tensor().data<float>() == 3);
}

TEST_CASE("Every dtype with numbers is read and written one by one, and what it does not hold is refused") {
  for (const DLDataType type :
       {dtype::float32, dtype::float64, dtype::float16, dtype::bfloat16, dtype::int8, dtype::int16, dtype::int32,
        dtype::int64, dtype::uint8, dtype::uint16, dtype::uint32, dtype::uint64}) {
    INFO(dtype_name(type));
    Script script(
        Script::Files{{"preprocess.lua", "return function(input) return input end"},
                      {"forward.lua",
                       "return function(model, x) x[0] = 5 return {x[0], (pcall(function() x[1] = 2^60 end)), "
                       "(pcall(function() x[1] = 0.5 end))} end"}});
    Tensor t = Tensor::empty(type, {2});
    std::fill(t.data<char>(), t.data<char>() + t.nbytes(), 0);
    const bool floating = type.code == kDLFloat || type.code == kDLBfloat;
    const char *const wanted = !floating                ? "[5,false,false]"
                               : type == dtype::float16 ? "[5,false,true]"
                                                        : "[5,true,true]";
    CHECK(to_json(script.run(Stage::forward, {t}).at(0)) == wanted);
  }
}

// PyTorch 1.13 draws the line there, too: 65504 is taken, 65519 is not, though it rounds to it; infinity and NaN are numbers.
TEST_CASE("A number beyond a floating-point type is refused, and no infinity") {
  const auto taken = [](DLDataType type, double number) {
    Script script(Script::Files{{"preprocess.lua", "return function(input) return input end"},
                                {"forward.lua",
                                 "return function(model, x) return (pcall(function() x.t[0] = -x.n end)) and "
                                 "(pcall(function() x.t[0] = x.n end)) end"}});
    Tensor t = Tensor::empty(type, {1});
    std::fill(t.data<char>(), t.data<char>() + t.nbytes(), 0);
    return to_json(script.run(Stage::forward, {Value::map({{"t", t}, {"n", Value::number(number)}})}).at(0)) == "true";
  };
  CHECK(taken(dtype::float16, 65504));
  CHECK_FALSE(taken(dtype::float16, 65519));
  CHECK_FALSE(taken(dtype::bfloat16, 3.4028235e38));
  CHECK(taken(dtype::bfloat16, 3.38e38));
  CHECK_FALSE(taken(dtype::float32, 3.4028236e38));
  CHECK(taken(dtype::float32, 3.4028234e38));
  CHECK(taken(dtype::float64, 1e300));
  for (const DLDataType type : {dtype::float16, dtype::bfloat16, dtype::float32, dtype::float64}) {
    CHECK(taken(type, std::numeric_limits<double>::infinity()));
  }
}
