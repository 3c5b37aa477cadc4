// Calling operations from tests.
#pragma once
#include <algorithm>
#include <functional>
#include <initializer_list>

#include "catch.h"
#include "plugin/registry.h"

namespace mrun::test {

inline std::filesystem::path out_of_tree(const std::string &name) {
  return std::filesystem::path(MRUN_OUT_OF_TREE_PLUGINS) / (name + ".so");
}

// The registry with the plugins that are built out of tree in its folder.
inline Registry &registry() {
  static Registry all({MRUN_OUT_OF_TREE_PLUGINS});
  return all;
}

// A C++ function as something that native code can call.
struct Function : mrun_function {
  using Body = std::function<std::vector<Value>(std::span<const mrun_value>)>;
  explicit Function(Body b) : body(std::move(b)) {}
  const char *kind() const override { return "a test's function"; }
  mrun_value value() {
    mrun_value v{};
    v.kind = MRUN_FUNCTION;
    v.as.function = this;
    return v;
  }
  Body body;
};

// The least that a script host does.
struct Host : CallHost {
  std::vector<Value> call(mrun_call &, mrun_function &f, std::span<const mrun_value> args) override {
    return dynamic_cast<Function &>(f).body(args);
  }
  void await(mrun_call &, mrun_function &f, std::vector<Value> args, const mrun_await &h) override {
    if (refuse) fail(MRUN_TIMEOUT, "too late");
    function = &f;
    awaited = std::move(args);
    how = h;
  }
  bool refuse = false;
  mrun_function *function = nullptr;
  std::vector<Value> awaited;
  mrun_await how{};
};

inline Value of(bool b) { return Value::boolean(b); }
inline Value of(int i) { return Value::integer(i); }
inline Value of(double d) { return Value::number(d); }
inline Value of(const char *s) { return Value::string(s); }
inline Value of(Value v) { return v; }
template <class... T>
std::vector<Value> values(T &&...x) {
  return {of(std::forward<T>(x))...};
}
inline std::span<const mrun_value> raw(const std::vector<Value> &v) {
  return {reinterpret_cast<const mrun_value *>(v.data()), v.size()};
}

struct Runner {
  ItemContext item;
  Host host;
  std::vector<Value> run(const std::string &name, const std::vector<Value> &args = {}, const Value &keywords = {}) {
    mrun_call call(item, &host);
    CallResult result = call_operation(registry().require(name), call, raw(args), keywords.c());
    if (result.pending) throw Error(MRUN_INTERNAL, name + " awaits");  // no macros: threads use this
    return std::move(result.values);
  }
  Value one(const std::string &name, const std::vector<Value> &args = {}, const Value &keywords = {}) {
    std::vector<Value> results = run(name, args, keywords);
    if (results.size() != 1) throw Error(MRUN_INTERNAL, name + " has not one result");
    return results[0];
  }
  Error error(const std::string &name, const std::vector<Value> &args = {}, const Value &keywords = {}) {
    try {
      run(name, args, keywords);
    } catch (const Error &e) { return e; }
    FAIL(name << " did not fail");
    return {};
  }
};

inline Tensor floats(std::initializer_list<float> x) {
  Tensor t = Tensor::empty(dtype::float32, {static_cast<int64_t>(x.size())});
  std::copy(x.begin(), x.end(), t.data<float>());
  return t;
}

}  // namespace mrun::test
