#include <algorithm>
#include <chrono>
#include <fstream>
#include <thread>

#include "catch.h"
#include "support.h"

using mrun::Tensor;
using mrun::Value;
using test::Model;

namespace {

Tensor floats(const mrun::Shape &shape, std::initializer_list<float> values) {
  const Tensor t = Tensor::empty(mrun::dtype::float32, shape);
  std::copy(values.begin(), values.end(), t.data<float>());
  return t;
}

Value options(const char *name, Value v) { return Value::map({{name, std::move(v)}}); }

// The code and text of what a call throws.
template <class F>
std::string error_of(F &&f, int *code = nullptr) {
  try {
    f();
  } catch (const mrun::Error &e) {
    if (code != nullptr) *code = e.code;
    return e.message;
  }
  return "";
}

Model open(const std::string &name, const Value &c) {
  const bool stateful = c.find("writes") != nullptr;
  return Model(test::read_file(test::model_path(name)), {},
               stateful ? options("stateful", Value::boolean(true)) : Value());
}

void compare(const Model &model, const Value &c, float margin = 0) {
  for (const Value &one : c.find("calls")->as_list()) {
    const std::string method(one.find("method")->as_string());
    std::vector<Value> args;
    const Value given = test::decode(*one.find("args"));
    for (const Value &a : given.as_list()) args.push_back(a);
    const Value want = test::decode(*one.find("results"));
    INFO(method);
    for (int again = 0; again < (c.find("writes") ? 1 : 3); ++again) {
      CHECK(test::difference(Value::list(model.call(method, args)), want, margin) == "");
    }
  }
}

}  // namespace

TEST_CASE("every model gives what Python gives, to the bit", "[torch]") {
  for (const mrun::Entry &e : test::cases().as_map()) {
    DYNAMIC_SECTION(e.key()) { compare(open(std::string(e.key()), e.value()), e.value()); }
  }
}

TEST_CASE("split and put together again, a model gives the same to the bit", "[torch]") {
  for (const mrun::Entry &e : test::cases().as_map()) {
    if (e.value().find("unsplittable") != nullptr) continue;
    const Value &c = e.value();
    DYNAMIC_SECTION(e.key()) {
      const std::string whole = test::read_file(test::model_path(std::string(e.key())));
      if (c.find("calls")->as_list().empty()) continue;
      int code = 0;
      test::Split parts;
      const std::string refusal = error_of([&] { parts = test::split(whole); }, &code);
      if (!refusal.empty()) {  // nothing to take out
        CHECK(code == MRUN_MISSING);
        CHECK(whole.size() < 4000);
        continue;
      }
      const Model model(parts.graph, test::through_file(parts.weights),
                        c.find("writes") ? options("stateful", Value::boolean(true)) : Value());
      compare(model, c);
      if (const Value *names = c.find("names")) {
        REQUIRE(names->as_list().size() == parts.weights.as_map().size());
        for (const Value &name : names->as_list()) CHECK(parts.weights.find(name.as_string()) != nullptr);
      }
    }
  }
}

TEST_CASE("frozen, every model gives what Python gives to the last bits, with a forward or without", "[torch]") {
  for (const mrun::Entry &e : test::cases().as_map()) {
    const Value &c = e.value();
    if (c.find("writes") != nullptr || c.find("unsplittable") != nullptr) continue;
    DYNAMIC_SECTION(e.key()) {
      const Model model(test::read_file(test::model_path(std::string(e.key()))), {},
                        options("freeze", Value::boolean(true)));
      compare(model, c, c.find("coarse") != nullptr ? 0.03F : 1e-5F);  // bfloat16's last bit
    }
  }
}

TEST_CASE("frozen, a layer that stands in several places is laid out once", "[torch]") {
  const auto resident = [] {
    std::ifstream statm("/proc/self/statm");
    int64_t size = 0, pages = 0;
    statm >> size >> pages;
    return pages * 4096;
  };
  const std::string bytes = test::read_file(test::model_path("repeated"));
  const Model plain(bytes);                             // loads libtorch
  constexpr int64_t weight = int64_t{4} * 1024 * 1024;  // in 8 places
  const int64_t before = resident();
  const Model model(bytes, {}, options("freeze", Value::boolean(true)));
  CHECK(resident() < before + 10 * weight);
}

TEST_CASE("methods are listed as schemas, forward first", "[torch]") {
  for (const mrun::Entry &e : test::cases().as_map()) {
    const auto want = e.value().find("schemas")->as_list();
    if (want.empty()) continue;
    const Model model = open(std::string(e.key()), e.value());
    REQUIRE(model.texts.size() == want.size());
    CHECK(model.texts[0] == want[0].as_string());
    for (const Value &text : want) {
      INFO(text.as_string());
      CHECK(std::count(model.texts.begin(), model.texts.end(), std::string(text.as_string())) == 1);
    }
  }
}

TEST_CASE("a model without forward opens, and its other methods are there", "[torch]") {
  const Model model(test::read_file(test::model_path("bare_gru")));
  CHECK(error_of([&] { model.method("forward"); }) == "no method forward");
}

TEST_CASE("arguments are checked against the declared types", "[torch]") {
  const Model model(test::read_file(test::model_path("methods")));
  const Tensor x = floats({2, 4}, {0, 1, 2, 3, 4, 5, 6, 7});
  const Value none;
  int code = 0;
  auto nested = [&](const Value &pair, const Value &rows) { model.call("nested", {pair, rows, Value::list({})}); };
  auto dicts = [&](const Value &n) { model.call("dicts", {Value::map({}), n}); };
  const Value short_pair = Value::list({x}), wrong_pair = Value::list({x, Value::number(1.5)});
  const Value pair = Value::list({x, Value::number(2)}), rows = Value::list({}),
              names = Value::list({Value::string("a")});
  CHECK(error_of([&] { nested(short_pair, rows); }, &code) == "pair: want Tuple[Tensor, int], got a list of 1");
  CHECK(code == MRUN_ARGUMENT);
  CHECK(error_of([&] { nested(wrong_pair, rows); }) == "pair: item 2: want int, got a number");
  CHECK(error_of([&] { nested(pair, names); }) == "rows: item 1: want List[int], got a string");
  CHECK(error_of([&] { dicts(Value::map({{"one", x}})); }) == "n: one: is no key of Dict[int, Tensor]");
}

TEST_CASE("types with names are told as their author wrote them", "[torch]") {
  const Model model(test::read_file(test::model_path("types")));
  const Tensor x = floats({2}, {1, 2});
  const Value two = Value::integer(2), text = Value::string("a");
  const auto named = [&](const Value &pair) { return error_of([&] { model.call("named", {pair}); }); };
  const auto by_name = model.call("named", {Value::map({{"left", x}, {"times", two}})});
  CHECK(by_name[0].as_tensor().data<float>()[1] == 4);
  CHECK(named(two) == "pair: want Pair, got an integer");
  CHECK(named(Value::list({x})) == "pair: want Pair (left, times), got a list of 1");
  CHECK(named(Value::map({{"left", x}, {"times", text}})) == "pair: times: want int, got a string");
  CHECK(named(Value::map({{"left", x}})) == "pair: times: want int, got nil");
  CHECK(named(Value::map({{"left", x}, {"other", two}, {"times", two}})) ==
        "pair: want Pair (left, times), got a table of 3");
  const std::string one_of = error_of([&] { model.call("one_of", {x, text}); });
  CHECK(one_of.rfind("by: want Union[", 0) == 0);
  CHECK(one_of.find("], got a string") != std::string::npos);
  CHECK(error_of([&] {
          model.call("coloured", {x, two});
        }) == "colour: Colour is a class, of which no object can enter a model");
  CHECK(error_of([&] { model.call("colours", {x}); }) ==
        "the model returned a value of type Colour, which cannot leave it");
  CHECK(error_of([&] { model.call("anything", {Value::list({x})}); }) ==
        "x: want nil, a boolean, a number, a string or a tensor for Any, got a list");
}

TEST_CASE("a model that throws gives one clean line", "[torch]") {
  const Model model(test::read_file(test::model_path("throws")));
  int code = 0;
  const Tensor three = floats({3}, {1, 2, 3}), one = floats({1}, {1});
  const std::string shapes = error_of([&] { model.call("forward", {three}); }, &code);
  CHECK(code == MRUN_MODEL);
  CHECK(shapes ==
        "The size of tensor a (3) must match the size of tensor b (4) at non-singleton dimension 0; the model was "
        "given "
        "(float32 [3])");
  CHECK(error_of([&] { model.call("forward", {one}); }) ==
        "ValueError: one row is not enough; the model was given (float32 [1])");
  CHECK(error_of([&] {
          model.call("forward", {floats({2}, {1, 2})});
        }) == "ValueError: two rows: they are not enough; the model was given (float32 [2])");
}

TEST_CASE("a traced model's error is its cause, not a line of the Python that it was traced from", "[torch]") {
  const Model model(test::read_file(test::model_path("layers_traced")));
  const std::string text = error_of([&] { model.call("forward", {floats({1, 2}, {1, 2})}); });
  CHECK(text ==
        "mat1 and mat2 shapes cannot be multiplied (1x2 and 4x3); the model was given (float32 [1, 2]); the last "
        "dimension "
        "must have 4 elements, it has 2");
}

TEST_CASE("what torch.save writes is named, with what to do", "[torch]") {
  for (const char *name : {"state_dict", "old_state_dict", "whole_module"}) {
    INFO(name);
    int code = 0;
    const std::string text = error_of([&] { Model m(test::read_file(test::model_path(name))); }, &code);
    CHECK(code == MRUN_BUNDLE);
    CHECK(text.find("state_dict") != std::string::npos);
    CHECK(text.find("torch.jit.script(model.eval()).save") != std::string::npos);
  }
}

TEST_CASE("a model that works as in training says so, unless that is meant", "[torch]") {
  for (const char *name : {"dropout", "dropout_traced"}) {
    INFO(name);
    const std::string bytes = test::read_file(test::model_path(name));
    CHECK((Model(bytes).traits("forward") & MRUN_MODEL_TRAINING) != 0);
    CHECK((Model(bytes, {}, options("training", Value::boolean(true))).traits("forward") & MRUN_MODEL_TRAINING) == 0);
  }
  for (const char *name : {"evaluated", "images", "images_traced", "gru_traced", "lstm", "gives"}) {
    INFO(name);
    CHECK((Model(test::read_file(test::model_path(name))).traits("forward") & MRUN_MODEL_TRAINING) == 0);
  }
  int code = 0;
  const std::string text = error_of([&] { Model m(test::read_file(test::model_path("training"))); }, &code);
  CHECK(code == MRUN_BUNDLE);
  CHECK(text.find("saved in training mode") != std::string::npos);
  CHECK(text.find("call eval()") != std::string::npos);
}

// Of this libtorch.
std::vector<std::string> engines() {
  const std::string bytes = test::read_file(test::model_path("gives"));
  const std::string text = error_of([&] { Model m(bytes, {}, options("quantized_engine", Value::string("?"))); });
  std::vector<std::string> all;
  std::istringstream names(text.substr(text.find("only ") + 5));
  for (std::string name; std::getline(names, name, ',');) all.push_back(name.substr(name.find_first_not_of(' ')));
  return all;
}

TEST_CASE("two open models cannot want different quantized engines", "[torch]") {
  const std::string bytes = test::read_file(test::model_path("gives"));
  const std::vector<std::string> names = engines();
  REQUIRE(names.size() >= 2);
  const auto wants = [&](size_t i) { return options("quantized_engine", Value::string(names[i])); };
  {
    const Model first(bytes, {}, wants(0)), same(bytes, {}, wants(0));
    int code = 0;
    const std::string text = error_of([&] { Model m(bytes, {}, wants(1)); }, &code);
    CHECK(code == MRUN_USAGE);
    CHECK(text.find("another open model runs on \"" + names[0] + "\"") != std::string::npos);
  }
  CHECK(error_of([&] { Model m(bytes, {}, wants(1)); }).empty());
}

TEST_CASE("a quantized model that names no engine has the process's own, whatever was open before", "[torch]") {
  const std::string bytes = test::read_file(test::model_path("quantized"));
  const std::string own(test::cases().find("quantized")->find("engine")->as_string());
  for (const std::string &engine : engines()) {
    const Model other(test::read_file(test::model_path("gives")), {},
                      options("quantized_engine", Value::string(engine)));
    int code = MRUN_OK;
    const std::string text = error_of([&] { Model m(bytes); }, &code);
    CHECK(code == (engine == own ? MRUN_OK : MRUN_USAGE));
    if (engine != own)
      CHECK(text.find("so it wants \"" + own + "\": another open model runs on \"" + engine) != std::string::npos);
  }
  const Model after(bytes);
  CHECK(error_of([&] { Model m(bytes, {}, options("quantized_engine", Value::string(own))); }).empty());
}

TEST_CASE("state is refused, or given to each item alone", "[torch]") {
  for (const mrun::Entry &e : test::cases().as_map()) {
    const Value *writes = e.value().find("writes");
    if (writes == nullptr) continue;
    DYNAMIC_SECTION(e.key()) {
      const std::string bytes = test::read_file(test::model_path(std::string(e.key())));
      int code = 0;
      const std::string text = error_of([&] { Model m(bytes); }, &code);
      CHECK(code == MRUN_BUNDLE);
      const bool training = e.key() == "training";
      CHECK((text.find("method forward writes self.") != std::string::npos));
      CHECK((text.find(training ? "call eval()" : "stateful = true") != std::string::npos));
      const Model model = open(std::string(e.key()), e.value());
      CHECK((model.traits("forward") & MRUN_MODEL_STATEFUL) != 0);
    }
  }
  const Model model = open("stateful", *test::cases().find("stateful"));
  const Tensor x = floats({2}, {1, 2});
  for (int item = 0; item < 3; ++item) {
    const Model own = model.clone();
    own.call("forward", {x});
    const auto second = own.call("forward", {x});
    CHECK(second[0].as_tensor().data<float>()[1] == 4);
    CHECK(second[1].as_int() == 2);
  }
}

TEST_CASE("a buffer that a method writes through something else is each item's own", "[torch]") {
  const Model model = open("detours", *test::cases().find("detours"));
  const Tensor one = floats({1}, {1});
  for (const char *name : {"forward", "in_object", "left", "forked", "copied", "values", "numbers", "broadcast",
                           "by_its_other_name", "switched"}) {
    INFO(name);
    const float first = model.clone().call(name, {one})[0].as_tensor().data<float>()[0];
    const Model own = model.clone();
    own.call(name, {one});
    CHECK(own.call(name, {one})[0].as_tensor().data<float>()[0] > first);  // it does write
    CHECK(model.clone().call(name, {one})[0].as_tensor().data<float>()[0] == first);
  }
}

TEST_CASE("freezing keeps the training mode that is meant, and refuses what would end the process", "[torch]") {
  const Value frozen = Value::boolean(true);
  const Model model(test::read_file(test::model_path("dropout")), {},
                    Value::map({{"freeze", frozen}, {"training", frozen}}));
  CHECK((model.traits("forward") & MRUN_MODEL_RANDOM) != 0);
  const std::string bytes = test::read_file(test::model_path("constant_fork"));
  const std::string text = error_of([&] { Model m(bytes, {}, options("freeze", frozen)); });
  CHECK(text.find("model option freeze: in method forward a torch.jit.fork") != std::string::npos);
  CHECK(Model(bytes).call("forward", {floats({1}, {2})})[0].as_tensor().data<float>()[0] == 3);
}

TEST_CASE("an operator that is not there is named", "[torch]") {
  const std::string text = error_of([&] { Model m(test::read_file(test::model_path("foreign"))); });
  CHECK(text.find("Unknown builtin op: other::twice. The operators are libtorch's own") != std::string::npos);
}

TEST_CASE("random models say so and follow the item's seed", "[torch]") {
  const Model model(test::read_file(test::model_path("dropout")));
  // In training mode, as saved.
  CHECK((model.traits("forward") & MRUN_MODEL_RANDOM) != 0);
  const Tensor x = floats({4, 4}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16});
  const Value first = model.call("forward", {x}, 1)[0], other = model.call("forward", {x}, 2)[0];
  CHECK(test::difference(model.call("forward", {x}, 1)[0], first) == "");
  CHECK(test::difference(other, first) != "");
  const Model images(test::read_file(test::model_path("images")));
  CHECK(images.traits("forward") == 0);
  for (const char *name : {"noise", "functional_noise"}) {
    INFO(name);
    const Model noise(test::read_file(test::model_path(name)));
    const Tensor zeros = floats({3}, {0, 0, 0});
    const Value drawn = noise.call("forward", {zeros}, 1)[0];
    CHECK(test::difference(noise.call("forward", {zeros}, 1)[0], drawn) == "");
    CHECK(test::difference(noise.call("forward", {zeros}, 2)[0], drawn) != "");
  }
}

TEST_CASE("what a model forks draws in one order, and pays for its memory", "[torch]") {
  const Model model(test::read_file(test::model_path("forked_noise")));
  const Tensor zeros = floats({3}, {0, 0, 0});
  const Value drawn = model.call("forward", {zeros}, 1)[0];
  for (int again = 0; again < 200; ++again)
    REQUIRE(test::difference(model.call("forward", {zeros}, 1)[0], drawn) == "");
  int code = 0;
  error_of([&] { model.call("forward", {zeros}, 1, std::make_shared<mrun::Budget>(1000)); }, &code);
  CHECK(code == MRUN_QUOTA);
}

TEST_CASE("what a model writes in place stays inside", "[torch]") {
  const Model model(test::read_file(test::model_path("writes_input")));
  const Tensor a = floats({2}, {1, 1}), b = floats({2}, {1, 1});
  model.call("forward", {a, Value::list({b})});
  CHECK(a.data<float>()[0] == 1);
  CHECK(b.data<float>()[0] == 1);
  // Read-only memory too.
  const auto r = model.call("forward", {a.read_only(), Value::list({b.read_only()})});
  CHECK(r[0].as_tensor().data<float>()[0] == 4);
}

TEST_CASE("results that share memory with weights or inputs are read-only", "[torch]") {
  const std::string whole = test::read_file(test::model_path("gives"));
  const test::Split parts = test::split(whole);
  const Tensor x = floats({2, 3}, {0, 1, 2, 3, 4, 5});
  for (const bool split : {false, true}) {
    const Model model = split ? Model(parts.graph, test::through_file(parts.weights)) : Model(whole);
    const auto r = model.call("forward", {x});
    CHECK(r[0].as_tensor().readonly());
    CHECK(r[1].as_tensor().readonly());
    CHECK_FALSE(r[2].as_tensor().readonly());
    CHECK_FALSE(r[3].as_tensor().readonly());
    CHECK(r[0].as_tensor().data<float>() == x.data<float>());
    for (const Value &v : model.call("beside", {x})) CHECK(v.as_tensor().readonly());
  }
}

TEST_CASE("results outlive the model", "[torch]") {
  std::vector<Value> results;
  {
    const test::Split parts = test::split(test::read_file(test::model_path("gives")));
    const Model model(parts.graph, test::through_file(parts.weights));
    results = model.call("forward", {floats({2, 3}, {0, 1, 2, 3, 4, 5})});
  }
  CHECK(results[1].as_tensor().data<float>()[5] == 5);
  CHECK(results[0].as_tensor().data<float>()[5] == 5);
}

TEST_CASE("several threads may call a model at once", "[torch]") {
  const Value &c = *test::cases().find("lstm");
  const Model model = open("lstm", c);
  const Value &one = c.find("calls")->as_list()[0];
  const Value args = test::decode(*one.find("args")), want = test::decode(*one.find("results"));
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 30; ++i) {
        const Value got = Value::list(model.call("forward", {args.as_list()[0]}));
        if (!test::difference(got, want).empty()) ++wrong;
      }
    });
  }
  for (std::thread &t : threads) t.join();
  CHECK(wrong == 0);
}

TEST_CASE("what a model allocates counts against the item's memory", "[torch]") {
  const Value &c = *test::cases().find("images");
  const Model model = open("images", c);
  const Value args = test::decode(*c.find("calls")->as_list()[0].find("args"));
  const auto budget = std::make_shared<mrun::Budget>(1000);
  int code = 0;
  const std::string text = error_of([&] { model.call("forward", {args.as_list()[0]}, 0, budget); }, &code);
  CHECK(code == MRUN_QUOTA);
  CHECK_FALSE(text.empty());
  CHECK(budget->used() == 0);
  const auto enough = std::make_shared<mrun::Budget>(1000000);
  const auto results = model.call("forward", {args.as_list()[0]}, 0, enough);
  CHECK(enough->used() <= 1000);
}

TEST_CASE("a recurrent layer ends between two steps", "[torch]") {
  const Model model(test::read_file(test::model_path("gru_of_96_in_1")));
  test::Call call;
  call.item.deadline = (std::chrono::steady_clock::now() + std::chrono::milliseconds(20)).time_since_epoch().count();
  const Tensor steps = Tensor::empty(mrun::dtype::float32, {1, 100000, 5});
  std::fill_n(steps.data<float>(), steps.numel(), 0.0f);
  int code = 0;
  error_of([&] { model.call(call, "forward", {steps}); }, &code);
  CHECK(code == MRUN_TIMEOUT);
}

TEST_CASE("sequences are unpacked by sizes that fall, or not at all", "[torch]") {
  const Model model(test::read_file(test::model_path("unpacked")));
  const auto unpack = [&](int64_t first, int64_t second) {
    const Tensor sizes = Tensor::empty(mrun::dtype::int64, {2});
    sizes.data<int64_t>()[0] = first;
    sizes.data<int64_t>()[1] = second;
    return error_of([&] { model.call("forward", {floats({3, 1}, {1, 2, 3}), sizes}); });
  };
  CHECK(unpack(2, 1).empty());
  for (const auto &[first, second] : {std::pair(0, 3), std::pair(-1, 4), std::pair(1, 2), std::pair(4, -1)}) {
    CHECK(unpack(first, second).find("want batch_sizes that are not negative, none more than the one before") !=
          std::string::npos);
  }
}

TEST_CASE("options of a model", "[torch]") {
  const std::string bytes = test::read_file(test::model_path("images"));
  const Value &c = *test::cases().find("images");
  const Value &one = c.find("calls")->as_list()[0];
  const Value x = test::decode(*one.find("args")).as_list()[0];
  const Tensor want = Tensor(test::decode(*one.find("results")).as_list()[0]);
  for (const Value &o :
       {options("freeze", Value::boolean(true)), options("memory_format", Value::string("channels_last")),
        Value::map({{"freeze", Value::boolean(true)}, {"memory_format", Value::string("channels_last")}})}) {
    const Tensor got = Tensor(Model(bytes, {}, o).call("forward", {x})[0]).contiguous();
    REQUIRE(got.shape() == want.shape());
    for (int64_t i = 0; i < want.numel(); ++i) {
      CHECK(got.data<float>()[i] == Approx(want.data<float>()[i]).margin(1e-5));
    }
  }
  const auto refusal = [&](const Value &o) {
    int code = 0;
    const std::string text = error_of([&] { Model m(bytes, {}, o); }, &code);
    CHECK(code == MRUN_BUNDLE);
    return text;
  };
  CHECK(refusal(options("fast", Value::boolean(true))) ==
        "there is no model option fast; the torch backend has freeze, memory_format, quantized_engine, stateful, "
        "training; every model has file, backend, batch");
  CHECK(refusal(options("freeze", Value::integer(1))) == "model option freeze: want true or false");
  CHECK(refusal(options("memory_format", Value::string("nhwc"))) ==
        "model option memory_format: want \"channels_last\" or \"contiguous\"");
  CHECK(refusal(options("quantized_engine", Value::string("none such"))).find("no \"none such\", only ") !=
        std::string::npos);
}

TEST_CASE("models that cannot be split say why", "[torch]") {
  const auto reason = [](const char *name) {
    int code = 0;
    const std::string text = error_of([&] { test::split(test::read_file(test::model_path(name))); }, &code);
    CHECK(code == MRUN_MISSING);
    return text;
  };
  for (const char *name : {"frozen", "quantized"}) {
    CHECK(reason(name) ==
          "it has no parameters and no buffers (a frozen or quantized model keeps its own in another form)");
  }
}

TEST_CASE("weights that do not fit the graph are refused", "[torch]") {
  const test::Split parts = test::split(test::read_file(test::model_path("gives")));
  const auto refusal = [&](const Value &weights) {
    int code = 0;
    const std::string text = error_of([&] { Model m(parts.graph, weights); }, &code);
    CHECK((code == MRUN_BUNDLE || code == MRUN_MISSING));
    return text;
  };
  CHECK(refusal(Value::map({})) == "the model's weights have no tensor weight");
  CHECK(refusal(Value::map({{"weight", floats({5}, {1, 2, 3, 4, 5})}})) ==
        "weight weight has 5 elements, fewer than weight needs");
  CHECK(refusal(Value::map({{"weight", Tensor::empty(mrun::dtype::int64, {2, 3})}})) ==
        "weight weight is int64, want float32");
  // A whole model has no table.
  CHECK(error_of([&] { Model m(test::read_file(test::model_path("gives")), Value::map({})); }) ==
        "the model's table of weights is damaged: it is empty");
}
