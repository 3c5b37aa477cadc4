// A bundle of a few texts in a folder, its state, and its stages run to their end.
#pragma once
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>

#include "catch.h"
#include "plugin/registry.h"
#include "script/state.h"
#include "value/json.h"

namespace mrun::test {

namespace fs = std::filesystem;

// The plugins of the states here: those that a test adds.
inline Registry &registry() {
  static Registry all(std::vector<fs::path>{});
  return all;
}

class Script {
 public:
  using Files = std::map<std::string, std::string>;

  // `files`: what the bundle holds; bundle.toml is written where it is not among them.
  explicit Script(Files files) {
    std::string name = (fs::temp_directory_path() / "mrun-script-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    folder_ = name;
    files.try_emplace("bundle.toml", "[bundle]\nname = \"test\"\n[input]\nkind = \"json\"\n");
    for (const auto &[path, text] : files) {
      fs::create_directories((folder_ / path).parent_path());
      std::ofstream(folder_ / path, std::ios::binary) << text;
    }
    options.registry = &registry();
    options.bundle = Bundle::open(folder_);
    options.params = options.bundle->manifest().params;
    options.shared = std::make_shared<SharedStore>();
  }
  // A bundle of one preprocess.lua whose function has this body.
  static Files body(const std::string &text) {
    return {{"preprocess.lua", "return function(input, params) " + text + "\nend"}};
  }
  ~Script() {
    state_.reset();
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  Script(const Script &) = delete;
  Script &operator=(const Script &) = delete;

  State &state() {
    if (!state_) state_ = std::make_unique<State>(options);
    return *state_;
  }
  std::unique_ptr<Fiber> start(Stage stage, std::vector<Value> args) {
    return state().start(stage, std::move(args), item, emit);
  }
  // Runs a stage to its end. Model calls are answered by `model`.
  std::vector<Value> run(Stage stage, std::vector<Value> args) {
    const auto fiber = start(stage, std::move(args));
    Fiber::Status status = fiber->resume();
    for (;;) {
      switch (status) {
        case Fiber::Status::finished: return std::move(fiber->results());
        case Fiber::Status::failed: throw Error(fiber->error());
        case Fiber::Status::preempted: status = fiber->resume(); break;
        case Fiber::Status::waiting: try { status = fiber->resume(model(fiber->call()));
          } catch (const Error &e) { status = fiber->resume(e); }
      }
    }
  }
  Value preprocess(Value input = Value()) { return run(Stage::preprocess, {std::move(input)}).at(0); }

  StateOptions options;
  std::shared_ptr<ItemContext> item = std::make_shared<ItemContext>();
  std::function<void(Value)> emit;
  std::function<std::vector<Value>(ModelCall &)> model;

 private:
  fs::path folder_;
  std::unique_ptr<State> state_;
};

// What a preprocess with this body returns, as JSON.
inline std::string result(const std::string &body, Value input = Value()) {
  Script script(Script::body(body));
  return to_json(script.preprocess(std::move(input)));
}

inline Value tensor_value(const std::vector<float> &elements) {
  Tensor t = Tensor::empty(dtype::float32, {static_cast<int64_t>(elements.size())});
  std::copy(elements.begin(), elements.end(), t.data<float>());
  return t;
}

// The error that something throws; fails the test where it throws none.
template <class F>
Error error_of(F &&f) {
  try {
    f();
  } catch (const Error &e) { return e; }
  FAIL("nothing was thrown");
  return {};
}
inline Error failure(const std::string &body) {
  Script script(Script::body(body));
  return error_of([&] { script.preprocess(); });
}

}  // namespace mrun::test
