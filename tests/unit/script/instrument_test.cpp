// Tensors as keys, in conditions, equal to numbers.
#include "script/lua/instrument.h"

#include "support.h"

using namespace mrun;
using namespace mrun::test;

namespace {

// With the calls' names made visible.
std::string checked(std::string_view text) {
  std::string visible = instrument(text);
  for (size_t at = visible.find('\xff'); at != std::string::npos; at = visible.find('\xff')) visible[at] = '@';
  return visible;
}

struct Change {
  const char *text, *checked;
};

}  // namespace

TEST_CASE("A key that may be a tensor is looked at where it is read") {
  const Change changes[] = {
      {"return labels[p:argmax() + 1]", "return labels[@key(labels,p:argmax() + 1)]"},
      {"local best = f(p)\nreturn labels[best]", "local best = f(p)\nreturn labels[@key(labels,best)]"},
      {"return function(i) return labels[i] end", "return function(i) return labels[@key(labels,i)] end"},
      {"local n = a[b[0]]", "local n = a[@key(a,b[0])]"},
      {"return M.labels[f()]", "return (@at(M.labels,f(),\"field 'labels' \"))"},
      {"local n = f()[x:item()].y", "local n = @at(f(),x:item(),\"\").y"},
      {"local n = t[1][f()]", "local n = @at(t[1],f(),\"\")"},
      {"local n = t['x'][f()]", "local n = @at(t['x'],f(),\"field 'x' \")"},
      {"function f(a) (a or g)[f()]:h() end", "function f(a) @at((a or g),f(),\"\"):h() end"},
      {"local n = f()[g()[h()]]", "local n = @at(f(),@at(g(),h(),\"\"),\"\")"},
      {"local n = f()[g()][h()]", "local n = @at(@at(f(),g(),\"\"),h(),\"\")"},
      {"t[f()].x = 1", "t[@key(t,f())].x = 1"},
  };
  for (const Change &change : changes) CHECK(checked(change.text) == change.checked);
}

TEST_CASE("A condition and an equality are looked at where a comparison's mask may come") {
  const Change changes[] = {
      {"if x:gt(1) then end", "if @condition(true,x:gt(1)) then end"},
      {"if (x:gt(1)) then end", "if (@condition(true,x:gt(1))) then end"},
      {"while not is_big(x) do end", "while not @condition(false,is_big(x)) do end"},
      {"if flags[0] then end", "if @condition(false,flags[0]) then end"},
      {"repeat until x:lt(1)\nf()", "repeat until @condition(true,x:lt(1))\nf()"},
      {"return x:gt(1) and 1 or 2", "return @condition(true,x:gt(1)) and 1 or 2"},
      {"assert(x:gt(1))", "assert(@condition(true,x:gt(1)))"},
      {"local big = x:gt(1)\nif big then end", "local big = x:gt(1)\nif @condition(true,big) then end"},
      {"if x:argmax() == 3 then end", "if @compared(x:argmax()) == 3 then end"},
      {"if 3 ~= x:argmax() then end", "if 3 ~= @compared(x:argmax()) then end"},
      {"local b = x:argmax() == y", "local b = @compared(x:argmax()) == y"},
      {"if (x:gt(1)) == true then end", "if @compared((x:gt(1))) == true then end"},
      {"if 0 == ((f())):sum() then end", "if 0 == @compared(((f())):sum()) then end"},
      {"local a = not (f()) == true", "local a = not (@condition(false,f())) == true"},
      {"if not f() == 1 then end", "if not @condition(false,@compared(f())) == 1 then end"},
      {"if f()[g()] then end", "if @condition(false,@at(f(),g(),\"\")) then end"},
      {"return M.t[f()] == 1", "return @compared((@at(M.t,f(),\"field 't' \"))) == 1"},
      {"if (a == b and x:gt(1) or f()) then end", "if (a == b and @condition(true,x:gt(1)) or f()) then end"},
  };
  for (const Change &change : changes) CHECK(checked(change.text) == change.checked);
}

TEST_CASE("What is none of these stays as it is") {
  for (const char *text : {
           "for i = 1, 3 do f(t[i + 1]) end",
           "t[f()] = 1",
           "t[f()], t[g()] = t[1], t[2]",
           "f(t)[x], (g)[f()], h.y[f()] = 1, 2, 3",
           "for k, v in pairs(t) do u[k] = 1 end",
           "return {[f()] = 1, [g()] = 2}",
           "for _, x in f() do end",
           "local a = #f() == 0",
           "local a = (#t) == 0",
           "if x + f() then end",
           "if f() .. 'x' then end",
           "return #t[#t]",
           "return assert(f())",
           "local n = (a or b)\nreturn n",
           "if t.x then end",
           "local mask = above and x:gt(1) or x:lt(1)",
           "return {f() or 1, a = b and x:gt(1) or c}",
           "local same = a == f() == false",
           "return (f())",
           "t[f(",
           "[f()]]",
           "",
           "::a:: goto a",
           "return [[x[f()]]] -- x[f()]",
       }) {
    CAPTURE(text);
    CHECK(checked(text) == text);
  }
}

TEST_CASE("A text that is looked at keeps its meaning") {
  CHECK(result("local n = 0\nlocal t = setmetatable({}, {__index = function(_, k) n = n + 1 return k end})\n"
               "local function key() return 'a', 'b' end\n"
               "local a, b = (t[key()]), ({x = {a = 5}}).x[key()]\nreturn {a, b, n, select('#', t[key()])}") ==
        "[\"a\",5,1,1]");
  CHECK(result("local t = {1, 2, 3}\nlocal function at(i) return t[i] end\n"
               "t[1], t[at(2)] = t[at(3)], t[at(1)]\nreturn t") == "[3,1,3]");
  CHECK(result("local function f() return nil, true end\nif f() then return 1 end\nreturn {f() == 1, not f()}") ==
        "[false,true]");
  CHECK(result("local t = {t = {1}, n = function() return 1 end}\n"
               "return {t.t[t.n()] == 1, not t.t[t.n()], t.t[t.n()] and 5 or 6}") == "[true,false,5]");
  CHECK(result("local function f() return ('x') end\nreturn f()[f()] == nil and f() .. f()") == "\"xx\"");
}

TEST_CASE("Errors of a text that is looked at are those of the text") {
  const std::pair<const char *, const char *> cases[] = {
      {"local t\n return t[f()]", "preprocess.lua:2: attempt to call global 'f' (a nil value)"},
      {"local f = tostring\n local t\n return t[f(1)]", "preprocess.lua:3: attempt to index local 't' (a nil value)"},
      {"local f = tostring\n local t = {}\n return t.x[f(1)]",
       "preprocess.lua:3: attempt to index field 'x' (a nil value)"},
      {"local f = tostring\n local t = {}\n return t[1][f(1)]", "preprocess.lua:3: attempt to index a nil value"},
      {"local f = tostring\n local t = {}\n return t['x'][f(1)]",
       "preprocess.lua:3: attempt to index field 'x' (a nil value)"},
      {"local f = tostring\n local t = {t = setmetatable({}, {__index = function() error('no', 2) end})}\n t = "
       "t.t[f(1)]",
       "preprocess.lua:3: no"},
      {"local t = {eq = function() return nil, 'why' end}\n assert(t:eq(1))", "preprocess.lua:2: why"},
      {"local t, f = {}, tostring\n t.x[f(1)]", "preprocess.lua:3: '=' expected near 'end'"},
      {"local f = function() end\n return f()[f()]", "preprocess.lua:2: attempt to index a nil value"},
      {"local f = 1\n if f() then\n end", "preprocess.lua:2: attempt to call local 'f' (a number value)"},
      {"local x = f()[\n", "preprocess.lua:3: unexpected symbol near 'end'"},
  };
  for (const auto &[body, message] : cases) {
    CAPTURE(body);
    CHECK(failure(body).message.starts_with(message));
  }
}

TEST_CASE("A tensor as a key, in a condition and equal to a number is an error of its line") {
  const std::string key = "a tensor is no key: want a number or string, got a float32 tensor [2]";
  const std::string condition = "a tensor in a condition is true whatever it holds, got ";
  const std::string equal = "a tensor is never equal to a number, got ";
  const auto error_with = [](const std::string &body, Value input) {
    Script script(Script::body(body));
    return error_of([&] { script.preprocess(std::move(input)); }).message;
  };
  const Value two = tensor_value({1, 2});
  CHECK(error_with("local t = {1, 2}\n return t[input]", two).starts_with("preprocess.lua:2: " + key));
  CHECK(error_with("local t = {x = {1}}\n return t.x[input]", two).starts_with("preprocess.lua:2: " + key));
  CHECK(error_with("if input == 1 then\n return 1 end", two).starts_with("preprocess.lua:1: " + equal));
  Tensor boolean = Tensor::empty(dtype::boolean, {});
  *boolean.data<bool>() = false;
  CHECK(error_with("local function f() return input end\n if f() then return 1 end", Value(boolean))
            .starts_with("preprocess.lua:2: " + condition));
}

TEST_CASE("A tensor may be the key of a table of tensors, be asked for, and be itself") {
  Script script(
      Script::body("local function same() return input end\n local t, seen = {}, {[{}] = true}\n"
                   "if t[input] or seen[input] then return 1 end\n"
                   "t[input] = 5\n if not same() or same() == nil then return 2 end\n"
                   "return {t[input], same() == input}"));
  CHECK(to_json(script.preprocess(tensor_value({1, 2}))) == "[5,true]");
}
