// What native code can call back: Lua functions and model methods.
#pragma once
#include "script/vm/vm.h"

namespace mrun {

// A Lua function, kept alive by it. Made and destroyed on the state's thread.
struct LuaFunction : mrun_function {
  LuaFunction(Vm &, lua_State *, int index);
  ~LuaFunction() override;
  LuaFunction(const LuaFunction &) = delete;
  LuaFunction &operator=(const LuaFunction &) = delete;
  const char *kind() const override { return "a Lua function"; }

  Vm &vm;
  const int ref;
};

struct ModelMethod : mrun_function {
  ModelMethod(uint32_t m, uint32_t k) : model(m), method(k) {}
  const char *kind() const override { return "a model's method"; }
  const uint32_t model, method;
};

void open_callbacks(lua_State *);

// From a Lua function, a model (its forward) or a model's method. Throws ARGUMENT.
std::unique_ptr<mrun_function> make_function(lua_State *, int index);

// host->call and host->await of this state's native calls.
class Callbacks : public CallHost {
 public:
  explicit Callbacks(Vm &vm) : vm_(vm) {}
  std::vector<Value> call(mrun_call &, mrun_function &, std::span<const mrun_value> args) override;
  void await(mrun_call &, mrun_function &, std::vector<Value> args, const mrun_await &how) override;

 private:
  std::vector<Value> call_lua(LuaFunction &, std::span<const mrun_value> args);
  Vm &vm_;
};

}  // namespace mrun
