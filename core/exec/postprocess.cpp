// output, context -> answer
#include "exec/item.h"

namespace mrun {

Value postprocess(ItemRun &run, const Value &output, const Value &context) {
  if (!run.state.has(Stage::postprocess)) return output;
  const auto fiber = run.state.start(Stage::postprocess, {output, context}, run.context, run.emit);
  std::vector<Value> results = drive(run, *fiber);
  results.resize(1);
  return std::move(results[0]);
}

}  // namespace mrun
