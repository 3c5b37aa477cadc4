// Every library call over a long text looks at the limits while it runs: counted, by the clock that a look reads.
#include "support.h"

using namespace mrun;
using namespace mrun::test;

namespace {

constexpr int mebibytes = 32, least = mebibytes / 2;  // looks: one at every other mebibyte

// How often the limits are looked at while `body` runs, which has the long text `s`.
int looks(const std::string &body, const char *character = "x") {
  Script script({{"preprocess.lua",
                  fmt::format("local json = require 'json'\nlocal s = ('{}'):rep({} * 2^20)\nreturn function(input) "
                              "{}\nend",
                              character, mebibytes, body)}});
  int count = 0;
  script.options.look_period = 1 << 30;
  script.options.now = [&] {
    ++count;
    return std::chrono::steady_clock::now();
  };
  script.state();
  count = 0;
  script.preprocess();
  return count;
}

}  // namespace

TEST_CASE("A library function over a long text looks at the limits again and again") {
  const std::string body =
      GENERATE(as<std::string>{}, "s:upper()", "s:lower()", "s:reverse()", "s:rep(2)", "(';'):rep(#s)",
               "('%q'):format(s)", "('%d %q'):format(1, s)", "s:gsub('y', '')", "s:gsub('x+', '%0%0')",
               "s:find('y', 1, true)", "s:find('[^x]')", "(''):find(s)", "s:match('^x*$')", "table.concat({s, s})",
               "table.concat({'', '', ''}, s)", "json.encode(s)", "json.decode('\"' .. s .. '\"')");
  CAPTURE(body);
  CHECK(looks("local r = " + body) >= least);
}

TEST_CASE("A pattern with a long set looks at the limits at each of its steps") {
  CHECK(looks("local r = ('y'):rep(20):find('[' .. s .. ']z')") >= 20);
}

TEST_CASE("Going through many keys and sorting looks at the limits") {
  CHECK(
      looks("local t = {} for i = 1, 200000 do t[i .. ''] = i end for k in pairs(t) do break end local a = next(t)") >=
      20);
  CHECK(looks("local t = {} for i = 1, 1000000 do t[i] = -i end table.sort(t)") >= 100);
  // One that ends early does not sort all of them: some looks for each pass, not for each comparison.
  CHECK(looks("local t, n = {}, 0 for i = 1, 200000 do t[i .. ''] = i end\n"
              "for k in pairs(t) do n = n + 1 if n == 60 then break end end") < 150);
  CHECK(looks("local t = {} for i = 1, 200000 do t[i .. ''] = i end json.encode(t)") >= 20);
}

TEST_CASE("Library functions that work through windows give what LuaJIT's do") {
  CHECK(
      result(
          "local s = ('aZ[{@`\\200 9'):rep(300000) "
          "local u, l, r = s:upper(), s:lower(), s:reverse() "
          "return {#u == #s and u:sub(1, 5), l:sub(-9, -4), r:byte(1), u:sub(-9) == u:sub(1, 9), r:reverse() == s}") ==
      R"(["AZ[{@","az[{@`",57,true,true])");
  CHECK(result("return {('ab'):rep(3, '-'), ('ab'):rep(1, '-'), ('ab'):rep(0, '-'), ('ab'):rep(-1), (''):rep(1e9), "
               "('ab'):rep(2.9), ('ab'):rep('2'), (''):rep(3, ',')}") ==
        R"(["ab-ab-ab","ab","","","","abab","abab",",,"])");
  CHECK(result("local s = ('1\\0' .. '2'):rep(500000) .. '\"\\n\\\\' local q = ('%q'):format(s) "
               "local function read(d, c) return d ~= '' and string.char(d) or c end "
               "local back = q:sub(2, -2):gsub('\\\\(%d?%d?%d?)([\\n\"\\\\]?)', read) "
               "return {back == s, #q}") == "[true,3000008]");
}
