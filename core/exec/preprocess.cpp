// input -> x, context
#include "exec/item.h"

namespace mrun {

Preprocessed preprocess(ItemRun &run, const Value &input) {
  if (!run.state.has(Stage::preprocess)) return {input, Value()};
  const auto fiber = run.state.start(Stage::preprocess, {input}, run.context, run.emit);
  std::vector<Value> results = drive(run, *fiber);
  results.resize(2);
  return {std::move(results[0]), std::move(results[1])};
}

}  // namespace mrun
