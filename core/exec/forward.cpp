// x, context -> output: the bundle's forward.lua, else the only model called with x, else x itself.
#include "exec/collate.h"
#include "exec/item.h"

namespace mrun {
namespace {

// x as the model's arguments: a list is positional, a table keyword arguments, anything else the first argument.
std::vector<Value> arguments_of(const Schema &method, const Value &x) {
  std::vector<mrun_value> positional;
  mrun_value keywords{};
  if (x.is_list()) {
    for (const Value &v : x.as_list()) positional.push_back(v.c());
  } else if (x.is_map()) {
    keywords = x.c();
  } else {
    positional.push_back(x.c());
  }
  const Arguments bound(method, positional, keywords);
  std::vector<Value> args;
  for (const mrun_value &v : bound.values()) args.push_back(Value::copy(v));
  return args;
}

Value call_model(ItemRun &run, const Value &x) {
  if (run.models.size() > 1) {
    fail(MRUN_BUNDLE, "the bundle has {} models: it needs a forward.lua that calls them", run.models.size());
  }
  Model &model = *run.models[0];
  const auto method = model.find("forward");
  if (!method)
    fail(MRUN_MODEL, "model {} has no method forward: it needs a forward.lua that calls another", model.name());
  const Schema schema = script_schema(model.methods()[*method], model.batch(*method));
  std::vector<Value> results = model.call(*run.context, *method, arguments_of(schema, x));
  return results.size() == 1 ? std::move(results[0]) : Value::list(std::move(results));
}

}  // namespace

Value forward(ItemRun &run, const Value &x, const Value &context) {
  if (run.state.has(Stage::forward)) {
    const auto fiber = run.state.start(Stage::forward, {x, context}, run.context, run.emit);
    std::vector<Value> results = drive(run, *fiber);
    results.resize(1);
    return std::move(results[0]);
  }
  return run.models.empty() ? x : call_model(run, x);
}

}  // namespace mrun
