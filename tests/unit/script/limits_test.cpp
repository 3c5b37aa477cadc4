// Scripts that never end, eat memory or nest without end: each ends with the right code, and the state goes on.
#include <thread>

#include "support.h"

using namespace mrun;
using namespace mrun::test;

namespace {

// The item is stopped from another thread after some milliseconds.
class StopLater {
 public:
  explicit StopLater(std::shared_ptr<ItemContext> item, int code = MRUN_TIMEOUT)
      : thread_([item, code] {
          std::this_thread::sleep_for(std::chrono::milliseconds(30));
          item->stop = code;
        }) {}
  ~StopLater() { thread_.join(); }

 private:
  std::thread thread_;
};

// input == 1 runs the body; anything else shows that the state still works.
Script::Files endless(const std::string &body) {
  return Script::body("if input ~= 1 then return 'alive' end\n" + body);
}

void check_alive(Script &s) {
  s.item = std::make_shared<ItemContext>();
  CHECK(s.preprocess().as_string() == "alive");
}

void check_timeout(const std::string &body) {
  CAPTURE(body);
  Script s(endless(body));
  s.state();
  Error e;
  {
    const StopLater stop(s.item);
    e = error_of([&] { s.preprocess(Value::integer(1)); });
  }
  CHECK(e.code == MRUN_TIMEOUT);
  CHECK(e.stage == "preprocess");
  check_alive(s);
}

Error check_ends(const std::string &body, int64_t memory = int64_t{16} << 20) {
  CAPTURE(body);
  Script s(endless(body));
  s.options.lua_memory = memory;
  const Error e = error_of([&] { s.preprocess(Value::integer(1)); });
  check_alive(s);
  return e;
}

}  // namespace

TEST_CASE("An endless loop: TIMEOUT") { check_timeout("while true do end"); }
TEST_CASE("An endless loop under pcall: TIMEOUT") {
  check_timeout("while true do pcall(function() while true do end end) end");
}
TEST_CASE("xpcall with an endless handler: TIMEOUT") {
  check_timeout("xpcall(error, function() while true do end end)");
  check_timeout("while true do xpcall(function() while true do end end, function() while true do end end) end");
}
TEST_CASE("An endless coroutine under pcall(resume): TIMEOUT") {
  check_timeout(
      "while true do local co = coroutine.create(function() while true do end end) pcall(coroutine.resume, co) end");
  check_timeout("while true do pcall(coroutine.wrap(function() while true do end end)) end");
}
TEST_CASE("An endless __index: TIMEOUT") {
  check_timeout("return setmetatable({}, {__index = function(t, k) while true do end end}).x");
  check_timeout(
      "local t = setmetatable({}, {}) getmetatable(t).__index = function(t, k) return t[k .. 'x'] end "
      "while true do pcall(function() return t.x end) end");
}
TEST_CASE("A tail-calling __tostring: TIMEOUT") {
  check_timeout("local function f(t) return f(t) end return tostring(setmetatable({}, {__tostring = f}))");
}
TEST_CASE("An error object with an endless __tostring is never asked") {
  const Error e = check_ends("error(setmetatable({}, {__tostring = function() while true do end end}))");
  CHECK(e.code == MRUN_SCRIPT);
}
TEST_CASE("A pattern that takes for ever: TIMEOUT") {
  check_timeout("return (('a'):rep(1e6)):find('.-b')");
  check_timeout("while true do pcall(string.find, ('a'):rep(1e6), ('a*'):rep(30) .. 'b') end");
}
TEST_CASE("Nested %b() on 100 KB: TIMEOUT") { check_timeout("return (('('):rep(1e6)):gsub('%b()', '')"); }
TEST_CASE("Endless work inside table.sort, gsub and require'd functions: TIMEOUT") {
  check_timeout("table.sort({3, 2, 1}, function() while true do end end)");
  check_timeout("while true do pcall(table.sort, {3, 2, 1}, function() while true do end end) end");
  check_timeout("('aaa'):gsub('a', function() while true do end end)");
  check_timeout(
      "local t = {} for i = 1, 1e6 do t[i] = i end while true do table.insert(t, 1, 0) table.remove(t, 1) end");
  check_timeout("while true do local s = ('x'):rep(1e7) end");
  check_timeout("for k in next, setmetatable({}, {}) do end while true do for _ in pairs({a = 1}) do end end");
}
TEST_CASE("A cancelled item says so") {
  Script s(endless("while true do end"));
  s.state();
  const StopLater stop(s.item, MRUN_CANCELLED);
  CHECK(error_of([&] { s.preprocess(Value::integer(1)); }).code == MRUN_CANCELLED);
}
TEST_CASE("Endless top-level code: TIMEOUT") {
  Script s(Script::Files{{"preprocess.lua", "while true do end"}});
  s.options.timeout = 0.05;
  const Error e = error_of([&] { s.state(); });
  CHECK(e.code == MRUN_TIMEOUT);
  CHECK(e.stage == "preprocess");
}
TEST_CASE("A long script is preempted, and goes on") {
  Script s(Script::body("local n = 0 for i = 1, 1e7 do n = n + 1 end return n"));
  const auto fiber = s.start(Stage::preprocess, {Value()});
  int slices = 1;
  Fiber::Status status = fiber->resume();
  for (; status == Fiber::Status::preempted; ++slices) status = fiber->resume();
  REQUIRE(status == Fiber::Status::finished);
  CHECK(fiber->results()[0].as_number() == 1e7);
  CHECK(slices > 1);
}

TEST_CASE("coroutine.wrap of itself: stack overflow") {
  CHECK(check_ends("local function f() return (coroutine.wrap(f)()) end return f()").message.find("stack overflow") !=
        std::string::npos);
}
TEST_CASE("gsub callback recursion: stack overflow") {
  CHECK(check_ends("local function f() return (('a'):gsub('a', f)) end f()").message.find("stack overflow") !=
        std::string::npos);
}
TEST_CASE("sort comparator recursion: stack overflow") {
  CHECK(check_ends("local function f() table.sort({1, 2}, f) end f()").message.find("stack overflow") !=
        std::string::npos);
}
TEST_CASE("__tostring and format recursion: stack overflow") {
  const char *const body =
      "local t = setmetatable({}, {}) getmetatable(t).__tostring = function(x) return string.format('%s', x) .. '' end "
      "return tostring(t)";
  CHECK(check_ends(body).message.find("stack overflow") != std::string::npos);
}
TEST_CASE("Table growth: MEMORY") {
  CHECK(check_ends("local t = {} for i = 1, 1e9 do t[i] = {} end").code == MRUN_MEMORY);
}
TEST_CASE("String doubling: MEMORY") {
  CHECK(check_ends("local s = 'x' while true do s = s .. s end").code == MRUN_MEMORY);
}
TEST_CASE("rep(1e9): MEMORY") { CHECK(check_ends("return ('x'):rep(1e9)").code == MRUN_MEMORY); }
TEST_CASE("Out of memory swallowed by pcall 2,000 times is bounded") {
  Script s(Script::body("for i = 1, 2000 do pcall(function() return ('x'):rep(1e9) end) end return 'done'"));
  s.options.lua_memory = int64_t{64} << 20;
  CHECK(s.preprocess().as_string() == "done");
  CHECK(s.state().lua_bytes() < (int64_t{64} << 20));
}
TEST_CASE("concat with a huge separator: MEMORY") {
  CHECK(check_ends("local t = {} for i = 1, 1000 do t[i] = '' end return table.concat(t, ('x'):rep(1e7))").code ==
        MRUN_MEMORY);
}
TEST_CASE("Coroutines without end: MEMORY") {
  CHECK(check_ends("local t = {} for i = 1, 1e9 do t[i] = coroutine.create(print or error) end").code == MRUN_MEMORY);
}
TEST_CASE("A million nested parentheses: a syntax error") {
  Script s(Script::Files{{"preprocess.lua", "return " + std::string(1000000, '(')}});
  CHECK(error_of([&] { s.state(); }).code == MRUN_SCRIPT);
}
TEST_CASE("unpack({}, 0, 2^31 - 1): an error") {
  CHECK(check_ends("return unpack({}, 0, 2^31 - 1)").message.find("too many results") != std::string::npos);
}
TEST_CASE("A flood of log lines is cut") {
  Script s(Script::body("local log = require 'log' for i = 1, 1e5 do log.info('line %d', i) end return 1"));
  int lines = 0;
  s.item->log = [&](int, const std::string &) { ++lines; };
  s.preprocess();
  CHECK(lines <= 101);
}
TEST_CASE("Cyclic, deep and endless results are refused") {
  CHECK(check_ends("local t = {} t.self = {t} return t")
            .message.find("what preprocess returned.self[1]: is a table "
                          "that contains itself") != std::string::npos);
  CHECK(check_ends("local t = {} for i = 1, 1e5 do t = {t} end return t").code == MRUN_SCRIPT);
  CHECK(check_ends("local t = {} for i = 1, 60 do t = {t, t} end return t").code == MRUN_SCRIPT);
}
TEST_CASE("Out of memory at any allocation is clean") {
  const Script::Files files = endless(
      "local t = {} local json = require 'json' for i = 1, 20 do t[#t + 1] = ('x'):rep(i * 50) .. tostring(i) end "
      "local co = coroutine.wrap(function(a) for k in pairs(a) do coroutine.yield(k) end end) "
      "pcall(co, t) pcall(error, {}) table.sort(t) json.encode(t) return t");
  int64_t base = 0, full = 0;
  {
    Script s(files);
    base = s.state().lua_bytes();
    s.preprocess(Value::integer(1));
    full = s.state().lua_bytes();
  }
  int refused = 0;
  for (int64_t cap = base - 2000; cap < full + 4000; cap += 173) {
    Script s(files);
    s.options.lua_memory = cap;
    try {
      s.preprocess(Value::integer(1));
    } catch (const Error &e) {
      ++refused;
      CAPTURE(cap, e.message);
      CHECK(
          (e.code == MRUN_MEMORY || e.code == MRUN_QUOTA || e.message.find("not enough memory") != std::string::npos));
    }
  }
  CHECK(refused > 10);
}
TEST_CASE("Garbage makes room before the heap is full") {
  Script s(Script::body("for i = 1, 2000 do local t = {} for k = 1, 1000 do t[k] = {k} end end return 1"));
  s.options.lua_memory = int64_t{8} << 20;
  CHECK(s.preprocess().as_number() == 1);
}
TEST_CASE("The line where the heap was full is named") {
  const std::pair<const char *, int> bodies[] = {
      {"return function()\n  local t = {}\n  for i = 1, 1e9 do t[i] = {i} end\n  local a = 1\n  return t, a\nend", 3},
      {"local function grow(t)\n  for i = 1, 1e9 do\n    t[i] = {i}\n  end\nend\nreturn function()\n  local t = {}\n  "
       "grow(t)\n"
       "  return t\nend",
       3},
      {"return function()\n  local t = 'a'\n  while true do\n    t = t .. t\n  end\n  return t\nend", 4},
      {"return function()\n  local t = {}\n  for i = 1, 1e9 do\n    t[#t + 1] = tostring(i)\n  end\n  return t\nend",
       4},
      {"return function()\n  local f = coroutine.wrap(function()\n    local t = {}\n    for i = 1, 1e9 do t[i] = {i} "
       "end\n  end)\n"
       "  f()\n  return 1\nend",
       6}};
  for (const auto &[body, line] : bodies) {
    CAPTURE(body);
    Script s(Script::Files{{"preprocess.lua", body}});
    s.options.lua_memory = int64_t{8} << 20;
    const Error e = error_of([&] { s.preprocess(); });
    CHECK(e.code == MRUN_MEMORY);
    CHECK(e.line == line);
    CHECK(e.traceback.starts_with(fmt::format("preprocess.lua:{}: ", line)));
  }
}
TEST_CASE("states are opened and closed without growth") {
  const auto resident = [] {
    std::ifstream statm("/proc/self/statm");
    int64_t size = 0, pages = 0;
    statm >> size >> pages;
    return pages * 4096;
  };
  int64_t before = 0;
  for (int i = 0; i < 200; ++i) {
    Script s(Script::body("local t = {} for i = 1, 1e4 do t[i] = {i} end return #t"));
    s.preprocess();
    if (i == 50) before = resident();
  }
  CHECK(resident() < before + (int64_t{16} << 20));
}
TEST_CASE("Text that stands in an answer a thousand times is counted each time") {
  Script s(Script::body("local s, t = ('x'):rep(1e6), {} for i = 1, 1000 do t[i] = s end return t"));
  s.options.lua_memory = 64 << 20;
  CHECK(error_of([&] { s.preprocess(); }).code == MRUN_MEMORY);
  Script keys(
      Script::body("local t = {} for i = 1, 200 do t[('k'):rep(1e5) .. i] = 1 end return {t, t, t, t, t, t, t}"));
  keys.options.lua_memory = 64 << 20;
  CHECK(error_of([&] { keys.preprocess(); }).code == MRUN_MEMORY);
}
TEST_CASE("gsub's result is counted while it grows, also within one replacement") {
  Script s(Script::body("local n = (('x'):rep(1e6)):gsub('(.*)', ('%1'):rep(5000)) return #n"));
  s.options.lua_memory = 64 << 20;
  CHECK(error_of([&] { s.preprocess(); }).code == MRUN_MEMORY);
}
TEST_CASE("Errors that a script keeps count as its heap") {
  Script s(
      Script::body("local json, t = require 'json', {} while true do local ok, e = pcall(json.decode, '{') "
                   "t[#t + 1] = e end"));
  s.options.lua_memory = 8 << 20;
  s.state();
  const Error e = error_of([&] { s.preprocess(); });
  CHECK(e.code == MRUN_MEMORY);
}
TEST_CASE("A plain search is linear, and stops") {
  Script s(
      Script::body("local a = ('a'):rep(1e6) local n = 0 for i = 1, 50 do n = n + (a:find(('a'):rep(5e5) .. 'b', 1, "
                   "true) or 0) end return n"));
  const auto start = std::chrono::steady_clock::now();
  CHECK(s.preprocess().as_number() == 0);
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(30));
  CHECK(result("local s = ('ab'):rep(1e6) .. 'X' return {s:find('X', 1, true), ('a.b'):find('.', 1, true), "
               "('abc'):find('', 2, true)}") == "[2000001,2,2,1]");
}
TEST_CASE("Two states that need each other's shared value are told, instead of waiting for ever") {
  const auto store = std::make_shared<SharedStore>();
  std::atomic<int> inside{0}, refused{0};
  const auto work = [&](const std::string &mine, const std::string &other) {
    const int self = 0;
    try {
      store->get(
          mine, &self,
          [&] {
            ++inside;
            while (inside < 2) std::this_thread::yield();
            return store->get(
                other, &self, [] { return Value::integer(1); }, [] {});
          },
          [] {});
    } catch (const Error &e) {
      CHECK(e.code == MRUN_SCRIPT);
      ++refused;
    }
  };
  std::thread a([&] { work("shared:a", "shared:b"); }), b([&] { work("shared:b", "shared:a"); });
  a.join();
  b.join();
  CHECK(refused == 1);
  Script itself(Script::body("local b = require 'bundle' local function f() return b.shared('x', f) end return f()"));
  CHECK(error_of([&] { itself.preprocess(); }).message.find("needs itself") != std::string::npos);
}
TEST_CASE("Who waits for a shared value is stopped when its time is over") {
  SharedStore store;
  const int one = 0, two = 0;
  std::atomic<bool> inside{false}, go{false};
  std::thread maker([&] {
    store.get(
        "k", &one,
        [&] {
          inside = true;
          while (!go) std::this_thread::yield();
          return Value::integer(1);
        },
        [] {});
  });
  while (!inside) std::this_thread::yield();
  int polls = 0;
  CHECK(error_of([&] {
          store.get(
              "k", &two, [] { return Value(); },
              [&] {
                if (++polls == 3) fail(MRUN_TIMEOUT, "over");
              });
        }).code == MRUN_TIMEOUT);
  go = true;
  maker.join();
  CHECK(store
            .get(
                "k", &two, [] { return Value(); }, [] {})
            .as_int() == 1);
}
TEST_CASE("What is shared for ever is bounded") {
  SharedStore store;
  store.most_bytes = 1000;
  const int one = 0;
  CHECK(store
            .get(
                "a", &one, [] { return Value::string(std::string(500, 'x')); }, [] {})
            .as_string()
            .size() == 500);
  CHECK(error_of([&] {
          store.get(
              "b", &one, [] { return Value::string(std::string(500, 'x')); }, [] {});
        }).code == MRUN_QUOTA);
}
