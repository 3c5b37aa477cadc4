// Operations of plugins that are built out of tree, called from C++.
#include <algorithm>
#include <cstring>
#include <future>
#include <thread>

#include "plugin/registration.h"
#include "support.h"
#include "value/object.h"

using namespace mrun;
using namespace mrun::test;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("a plugin in C: hello") {
  Runner r;
  const Value minus = r.one("hello.negate@1", values(floats({1, -2, 3})));
  CHECK(minus.as_tensor().data<float>()[1] == 2);
  CHECK_THAT(r.error("hello.negate@1", values(Tensor::empty(dtype::int64, {2}))).message,
             ContainsSubstring("hello.negate: x: want a 1-D float32 CPU tensor"));
  Function stop([](std::span<const mrun_value> args) { return values(args[0].as.integer == 7); });
  CHECK(r.one("hello.until@1", {Value::copy(stop.value())}).as_int() == 7);
  CHECK(r.one("hello.until@1", {Value::copy(stop.value()), of(3.0)}).as_int() == 3);
}

TEST_CASE("a plugin in C++: counter") {
  Runner r;
  CHECK(r.one("counter.scale@1", values(floats({1, 2}), 3)).as_tensor().data<float>()[1] == 6);
  CHECK(r.one("counter.scale@1", values(floats({1, 2}))).as_tensor().data<float>()[1] == 4);
  const Value vocabulary = r.one("counter.vocabulary@1", {Value::list(values("a", "bc"))});
  const std::vector<Value> word = r.run("counter.Vocabulary.word@1", {vocabulary, of(0), of(1)});
  REQUIRE(word.size() == 2);
  CHECK(word[0].as_string() == "bc");
  CHECK(word[1].as_int() == 2);
  const Error e = r.error("counter.Vocabulary.word@1", {vocabulary, of(9)});
  CHECK(e.code == MRUN_ARGUMENT);
  CHECK(e.operation == "counter.Vocabulary.word@1");
  CHECK_THAT(r.error("counter.Vocabulary.word@1", values(floats({1}), 9)).message,
             ContainsSubstring("want counter.Vocabulary"));
}

TEST_CASE("lists, maps, optionals and Any both ways") {
  Runner r;
  CHECK(r.one("kit.sum@1", {Value::list(values(1, 2.5))}).as_number() == 3.5);
  CHECK(r.one("kit.sum@1", {Value::list(values(1, 2.5)), of(1)}).as_number() == 4.5);
  CHECK(r.one("kit.sum@2", values(2)).as_number() == 7);
  const Value doubled = r.one("kit.doubled@1", {Value::map({{"a", of(1.0)}, {"b", of(2)}})});
  CHECK(doubled.find("b")->as_int() == 4);
  const std::vector<Value> parts = r.run("kit.split@1", values("x yz"));
  CHECK(parts[0].as_string() == "x");
  CHECK(parts[1].as_list()[1].as_string() == "yz");
  CHECK(parts[2].as_int() == 2);
  CHECK(r.run("kit.split@1", values("x"))[2].is_nil());
  const Value rows = r.one("kit.rows@1", {Value::list({Value::list(values(1, 2.0)), Value::list({})})});
  CHECK(rows.as_list()[0].as_list().empty());
  CHECK(rows.as_list()[1].as_list()[1].as_int() == 2);
  CHECK(r.error("kit.rows@1", {Value::list({Value::list(values("a"))})}).code == MRUN_ARGUMENT);
  CHECK(r.error("kit.rows@1", {Value::list(values(1))}).code == MRUN_ARGUMENT);
  CHECK(r.one("kit.same@1", {Value::list(values("a", 1))}).as_list()[0].as_string() == "a");
  CHECK(r.one("kit.total@1", {Value::list({floats({1, 2}), floats({3})})}).as_int() == 3);
  CHECK(r.one("kit.total@1", {Value(floats({1, 2}))}).as_int() == 2);
}

TEST_CASE("a borrowed value given for Any is copied") {
  Runner r;
  const char text[] = "borrowed";
  mrun_value borrowed{};
  borrowed.kind = MRUN_STRING;
  borrowed.as.string = {text, 8};
  mrun_call call(r.item);
  const CallResult result = call_operation(registry().require("kit.same@1"), call, {&borrowed, 1});
  CHECK(result.values[0].as_string() == "borrowed");
  CHECK(result.values[0].as_string().data() != text);
}

TEST_CASE("failures come back as errors with code and operation") {
  Runner r;
  const auto check = [](const Error &e, mrun_code code, const char *message) {
    CHECK(e.code == code);
    CHECK(e.message == message);
  };
  check(r.error("kit.fails@1", values("error")), MRUN_INPUT, "kit.fails: not an image");
  check(r.error("kit.fails@1", values("exception")), MRUN_INTERNAL, "kit.fails: went wrong");
  check(r.error("kit.fails@1", values("memory")), MRUN_MEMORY, "kit.fails: out of memory");
  check(r.error("kit.fails@1", values("other")), MRUN_INTERNAL, "kit.fails: unknown exception");
  check(r.error("kit.throws@1"), MRUN_INTERNAL, "kit.throws: a C++ exception left the plugin: raw exception");
  check(r.error("kit.unknown_code@1"), MRUN_INTERNAL, "kit.unknown_code: returned the unknown code 4711");
  check(r.error("kit.half_done@1"), MRUN_SCRIPT, "kit.half_done: 1 of 2");
  CHECK_THAT(r.error("kit.false_result@1").message,
             ContainsSubstring("gave the integer 0 as result 1, its schema says str"));
  CHECK_THAT(r.error("kit.false_pending@1").message, ContainsSubstring("without awaiting"));
  CHECK(r.error("kit.fails@1", values("error")).operation == "kit.fails@1");
}

TEST_CASE("memory is counted and given back") {
  Runner r;
  r.item.budget = std::make_shared<Budget>(1000);
  {
    const Value t = r.one("kit.filled@1", values(600));
    CHECK(r.item.budget->used() == 600);
    const Error e = r.error("kit.filled@1", values(600));
    CHECK(e.code == MRUN_QUOTA);
    CHECK_THAT(e.message, ContainsSubstring("kit.filled"));
    CHECK(r.error("kit.use@1", values(500)).code == MRUN_QUOTA);
    CHECK(r.error("kit.use@1", values(1, 500)).code == MRUN_QUOTA);
    r.run("kit.use@1", values(200, 100));
    CHECK(r.item.budget->used() == 600);
  }
  CHECK(r.item.budget->used() == 0);
  std::weak_ptr<Budget> budget = r.item.budget;
  Value kept = r.one("kit.filled@1", values(10));
  r.item.budget = std::make_shared<Budget>();
  CHECK_FALSE(budget.expired());  // lives as long as the memory that it counts
  kept = Value();
  CHECK(budget.expired());
}

TEST_CASE("a view of an argument is not counted twice, keeps it alive and stays read-only") {
  Runner r;
  Value view;
  {
    const Value whole = r.one("kit.filled@1", values(1000));
    view = r.one("kit.half@1", {whole});
    CHECK(view.as_tensor().data() == whole.as_tensor().data());
    CHECK(r.item.budget->used() == 1000);
  }
  CHECK(r.item.budget->used() == 1000);
  std::memset(view.as_tensor().data(), 1, 500);
  view = Value();
  CHECK(r.item.budget->used() == 0);
  const Tensor constant = floats({1, 2, 3, 4}).read_only();
  CHECK(r.one("kit.half@1", {constant}).as_tensor().readonly());
}

TEST_CASE("a read-only tensor is never written") {
  Runner r;
  const Tensor t = floats({1, 2});
  r.run("kit.zero@1", {t});
  CHECK(t.data<float>()[1] == 0);
  const Error e = r.error("kit.zero@1", {t.read_only()});
  CHECK(e.code == MRUN_ARGUMENT);
  CHECK(e.argument == "x");
  CHECK_THAT(e.message, ContainsSubstring("read-only"));
}

TEST_CASE("objects live as long as values of them, and methods know their type") {
  Runner r;
  const int64_t before = r.one("kit.alive@1").as_int();
  {
    const Value cell = r.one("kit.cell@1"), same = cell;
    CHECK(r.one("kit.Cell.add@1", {cell, of(2)}).as_number() == 2);
    CHECK(r.one("kit.Cell.add@1", {same, of(3)}).as_number() == 5);
    CHECK(r.one("kit.alive@1").as_int() == before + 1);
    CHECK_THAT(r.error("kit.Lazy.made@1", {cell}).message, ContainsSubstring("want kit.Lazy, got"));
  }
  CHECK(r.one("kit.alive@1").as_int() == before);
}

TEST_CASE("an object that is not shareable is never entered twice") {
  Runner r;
  const Value cell = r.one("kit.cell@1");
  mrun_code code = MRUN_OK;
  Function again([&](std::span<const mrun_value>) {
    Runner inner;
    code = inner.error("kit.Cell.add@1", {cell, of(1)}).code;
    return std::vector<Value>();
  });
  r.run("kit.Cell.with@1", {cell, Value::copy(again.value())});
  CHECK(code == MRUN_USAGE);
  CHECK(r.one("kit.Cell.add@1", {cell, of(1)}).as_number() == 2);
}

TEST_CASE("an object with to_tensor is a tensor where one is wanted, made once") {
  Runner r;
  const Value lazy = r.one("kit.lazy@1", values(5));
  CHECK(r.one("kit.Lazy.made@1", {lazy}).as_int() == 0);
  CHECK(r.one("kit.bytes@1", {lazy}).as_int() == 40);
  CHECK(r.one("kit.total@1", {Value::list({lazy, floats({1})})}).as_int() == 6);
  CHECK(r.one("kit.total@1", {lazy}).as_int() == 5);
  CHECK(r.one("kit.Lazy.made@1", {lazy}).as_int() == 1);
  const Error e = r.error("kit.bytes@1", {r.one("kit.lazy@1", values(-1))});
  CHECK(e.code == MRUN_MODEL);
  CHECK_THAT(e.message, ContainsSubstring("nothing to compute"));
}

namespace {

// An object whose to_tensor does what its test says.
struct Made {
  std::function<int(mrun_call *, mrun_value *)> make;
  static int to_tensor(mrun_call *call, void *self, mrun_value *out) {
    return static_cast<const Made *>(self)->make(call, out);
  }
  static inline const mrun_type type{sizeof(mrun_type), MRUN_TYPE_SHAREABLE, "test.Made", "", nullptr, to_tensor};
};

}  // namespace

TEST_CASE("who waits for an object's tensor stops when its item must end") {
  std::promise<void> begun, end;
  Made slow{[&](mrun_call *call, mrun_value *out) {
    begun.set_value();
    end.get_future().wait();
    return host_table().tensor_new(call, dtype::int64, nullptr, 0, DLDevice{kDLCPU, 0}, out);
  }};
  const Value object = object_value(&Made::type, &slow);
  Runner waits;
  std::thread makes([&] { CHECK(Runner().one("kit.bytes@1", {object}).as_int() == 8); });
  begun.get_future().wait();
  waits.item.stop = MRUN_CANCELLED;
  CHECK(waits.error("kit.bytes@1", {object}).code == MRUN_CANCELLED);
  end.set_value();
  makes.join();
  CHECK(Runner().one("kit.bytes@1", {object}).as_int() == 8);
}

TEST_CASE("a to_tensor that wants its own object's tensor is told so") {
  Value object;
  mrun_code code = MRUN_OK;
  Made own{[&](mrun_call *call, mrun_value *) {
    code = Runner().error("kit.bytes@1", {object}).code;
    return host_table().fail(call, code, "as it was told");
  }};
  object = object_value(&Made::type, &own);
  CHECK(Runner().error("kit.bytes@1", {object}).code == MRUN_USAGE);
  CHECK(code == MRUN_USAGE);
}

TEST_CASE("bytes have a media type") {
  Runner r;
  CHECK(r.one("kit.picture@1").as_tensor().media_type() == "image/png");
}

TEST_CASE("callbacks reach functions and operations, and their errors come back whole") {
  Runner r;
  Function twice([](std::span<const mrun_value> args) { return values(args[0].as.number * 2); });
  CHECK(r.one("kit.call@1", {Value::copy(twice.value()), of(2.0)}).as_number() == 4);
  CHECK(r.one("kit.call_by_name@1", values("kit.sum@1", Value::list(values(1, 2)))).as_number() == 3);
  CHECK(r.error("kit.call_by_name@1", values("kit.nothing@1", 1)).code == MRUN_MISSING);
  Function bad([](std::span<const mrun_value>) -> std::vector<Value> {
    Error e(MRUN_SCRIPT, "lib/a.lua:3: attempt to index nil");
    e.script = "lib/a.lua";
    e.line = 3;
    e.operation = "other.op@1";
    throw e;
  });
  const Error e = r.error("kit.call@1", {Value::copy(bad.value()), of(2.0)});
  CHECK(e.code == MRUN_SCRIPT);
  CHECK(e.line == 3);
  CHECK(e.message == "lib/a.lua:3: attempt to index nil");
  ItemContext item;
  mrun_call alone(item);
  const std::vector<Value> args{Value::copy(twice.value()), of(1)};
  CHECK_THROWS_AS(call_operation(registry().require("kit.call@1"), alone, raw(args)), Error);
}

TEST_CASE("what an operation found and charged ends with it, also inside another one") {
  Runner r;
  mrun_call call(r.item, &r.host);
  const std::vector<Value> args = values("kit.call_by_name@1", 1);
  for (int i = 0; i < 3; ++i) {
    CHECK_THROWS_AS(call_operation(registry().require("kit.call_by_name@1"), call, raw(args)), Error);
    CHECK(call.found.empty());
    CHECK_FALSE(call.failed);
  }
  const std::vector<Value> use = values(10, 100);
  call_operation(registry().require("kit.use@1"), call, raw(use));
  CHECK(call.charged == 0);
  CHECK(r.item.budget->used() == 0);
}

TEST_CASE("what an operation charged for an object stays charged while that lives") {
  Runner r;
  const std::shared_ptr<Budget> budget = r.item.budget;
  {
    const Value first = r.one("kit.cell@1", {of(1000)});
    CHECK(budget->used() == 1000);
    mrun_call call(r.item, &r.host);
    call.charged = 70;  // of an operation that calls another
    budget->charge(70);
    const std::vector<Value> args{of("kit.cell@1"), of(500)};
    const auto second = call_operation(registry().require("kit.call_by_name@1"), call, raw(args));
    CHECK(call.charged == 70);
    CHECK(budget->used() == 1570);
    const Value copy = Value::copy(first.c());
    r.one("kit.alive@1");
    CHECK(budget->used() == 1570);
  }
  CHECK(budget->used() == 0);
  r.item.budget = std::make_shared<Budget>(100);
  CHECK(r.error("kit.cell@1", {of(101)}).code == MRUN_QUOTA);
}

TEST_CASE("a task awaits, is resumed and ends") {
  Runner r;
  Function f([](std::span<const mrun_value>) { return std::vector<Value>(); });
  const OperationSet &repeat = registry().require("kit.repeat@1");
  const int64_t before = r.one("kit.alive@1").as_int();
  CHECK(r.one("kit.repeat@1", {Value::copy(f.value()), of(1), of(0)}).as_int() == 1);

  mrun_call call(r.item, &r.host);
  const std::vector<Value> args{Value::copy(f.value()), of("x"), of(2)};
  CHECK(call_operation(repeat, call, raw(args)).pending);
  CHECK(r.host.function == &f);
  CHECK(r.host.how.flags == MRUN_AWAIT_ROWS);
  CHECK(r.host.awaited[0].as_string() == "x");
  CHECK(call.charged == 1000);  // stays charged while the task lives
  CHECK(r.one("kit.alive@1").as_int() == before + 1);

  const auto resume = [&](Value got) {
    mrun_call next(r.item, &r.host);
    next.resuming = true;
    mrun_value raw_got = got.release(), results{};
    const int code = r.host.how.resume(&next, r.host.how.state, &raw_got, 1, &results);
    return std::pair(code, Value::adopt(results));
  };
  CHECK(resume(of("y")).first == MRUN_PENDING);
  CHECK(r.host.awaited[0].as_string() == "y");
  const auto [code, result] = resume(of("z"));
  CHECK(code == MRUN_OK);
  CHECK(result.as_string() == "z");
  r.host.how.destroy(r.host.how.state);
  CHECK(r.one("kit.alive@1").as_int() == before);

  r.host.refuse = true;  // an await that fails destroys the task
  const Error e = r.error("kit.repeat@1", args);
  CHECK(e.code == MRUN_TIMEOUT);
  CHECK(r.one("kit.alive@1").as_int() == before);
  CHECK(r.item.budget->used() == 1000);  // the first call's, until it ends
}

TEST_CASE("an operation that is called back cannot await") {
  Runner r;
  Function inner([](std::span<const mrun_value>) { return std::vector<Value>(); });
  struct Nested : Host {
    std::vector<Value> call(mrun_call &c, mrun_function &, std::span<const mrun_value>) override {
      const std::vector<Value> args{Value::copy(function_value), of(1), of(1)};
      return call_operation(registry().require("kit.repeat@1"), c, raw(args)).values;
    }
    mrun_value function_value{};
  } host;
  host.function_value = inner.value();
  mrun_call call(r.item, &host);
  const std::vector<Value> args{Value::copy(inner.value()), of(1)};
  CHECK_THROWS_WITH(call_operation(registry().require("kit.call@1"), call, raw(args)), ContainsSubstring("await:"));
  CHECK(r.one("kit.alive@1").as_int() >= 0);
}

TEST_CASE("random numbers come from seed, item and draw alone") {
  const auto draw = [](uint64_t seed, uint64_t number, int n) {
    Runner r;
    r.item.seed = seed;
    r.item.number = number;
    const Value list = r.one("kit.draw@1", values(n));
    std::vector<int64_t> out;
    for (const Value &v : list.as_list()) out.push_back(v.as_int());
    return out;
  };
  CHECK(draw(1, 2, 5) == draw(1, 2, 5));
  CHECK(draw(1, 2, 5) != draw(1, 3, 5));
  CHECK(draw(1, 2, 5) != draw(2, 2, 5));
  CHECK(draw(0, 0, 1)[0] != draw(0, 0, 2)[1]);
  std::vector<int64_t> all;  // no two alike among items and draws
  for (uint64_t item = 0; item < 100; ++item) {
    for (const int64_t x : draw(7, item, 20)) all.push_back(x);
  }
  std::sort(all.begin(), all.end());
  CHECK(std::adjacent_find(all.begin(), all.end()) == all.end());
}

TEST_CASE("log lines are limited for an item") {
  Runner r;
  std::vector<std::string> lines;
  r.item.log = [&](int, const std::string &text) { lines.push_back(text); };
  r.run("kit.chat@1", values(60));
  r.run("kit.chat@1", values(500));
  REQUIRE(lines.size() == 101);
  CHECK(lines[99] == "line 39");
  CHECK_THAT(lines[100], ContainsSubstring("the rest is dropped"));
}

TEST_CASE("an operation stops when its item must end") {
  Runner r;
  std::thread later([&] { r.item.stop = MRUN_TIMEOUT; });
  const Error e = r.error("kit.wait@1");
  later.join();
  CHECK(e.code == MRUN_TIMEOUT);
  CHECK_THAT(e.message, ContainsSubstring("kit.wait: stopped: the time limit is over"));
}

TEST_CASE("a namespace is asked once for a name, and the best overload is called") {
  Runner r;
  const auto pick = [&](Value v) { return std::string(r.one("kitns.pick", {std::move(v)}).as_string()); };
  CHECK(pick(of(2.0)) == "dim");  // as exact as "int", and first by name
  CHECK(pick(of(2.5)) == "float");
  CHECK(pick(floats({1})) == "Tensor");
  CHECK(r.one("kitns.pick", values(1), Value::map({{"dim", of(1)}})).as_string() == "dim");
  const Error e = r.error("kitns.pick", values("x"));
  CHECK(e.code == MRUN_ARGUMENT);
  CHECK_THAT(e.message, ContainsSubstring("kitns.pick: no form takes (a string of 1 byte"));
  CHECK_THAT(e.message, ContainsSubstring("kitns.pick:Tensor(Tensor x) -> str"));
  const int64_t asked = r.one("kit.lookups@1").as_int();
  pick(of(1));
  CHECK(r.one("kit.lookups@1").as_int() == asked);
  CHECK(registry().find("kitns.absent") == nullptr);
  CHECK_THROWS_WITH(registry().find("kitns.broken"), ContainsSubstring("at character"));
  CHECK(registry().library_version("kitns.pick") == "libkit 1.2.3");
  CHECK(registry().library_version("kit.sum@1").empty());
  CHECK_THROWS_WITH(registry().require("kitns.absent"),
                    ContainsSubstring("libkit 1.2.3 of plugin kit has no such operation"));
}

TEST_CASE("an object whose type has no name is destroyed all the same") {
  int gone = 0;
  const mrun_type nameless{
      sizeof(mrun_type), 0, nullptr, nullptr, [](void *self) { ++*static_cast<int *>(self); }, nullptr};
  mrun_value out{};
  CHECK(host_table().object_new(nullptr, &nameless, &gone, &out) == MRUN_USAGE);
  CHECK(gone == 1);
  CHECK(out.kind == MRUN_NIL);
}

TEST_CASE("what a list or a map could not take is freed") {
  const mrun_host &host = host_table();
  ItemContext item;
  mrun_call call(item);
  const int64_t size = 16;
  mrun_value out{};
  const auto tensor = [&] {
    mrun_value t{};
    REQUIRE(host.tensor_new(&call, dtype::uint8, &size, 1, DLDevice{kDLCPU, 0}, &t) == MRUN_OK);
    CHECK(item.budget->used() == size);
    return t;
  };
  mrun_entry entries[2] = {{{"a", 1}, tensor()}, {{"\xff", 1}, {}}};
  CHECK(host.map_new(&call, entries, 2, &out) == MRUN_ARGUMENT);
  CHECK(item.budget->used() == 0);
  mrun_entry entry{{"a", 1}, tensor()};
  CHECK(host.map_new(&call, &entry, 1, nullptr) == MRUN_USAGE);
  CHECK(item.budget->used() == 0);
  mrun_value one = tensor();
  CHECK(host.list_new(&call, &one, 1, nullptr) == MRUN_USAGE);
  CHECK(item.budget->used() == 0);
}
