// One item on its way: its three stages, each a function of its own file, each testable alone.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "exec/model.h"
#include "script/state.h"

namespace mrun {

struct Timings {  // seconds
  double queue = 0, preprocess = 0, batch = 0, forward = 0, postprocess = 0;
  int batch_size = 1;
};

// What a stage needs beside its arguments.
struct ItemRun {
  State &state;
  std::vector<Model *> models;  // as in StateOptions::models
  std::shared_ptr<ItemContext> context;
  std::function<void(Value)> emit;  // may be empty
};

struct Preprocessed {
  Value x, context;
};
Preprocessed preprocess(ItemRun &, const Value &input);
Value forward(ItemRun &, const Value &x, const Value &context);
Value postprocess(ItemRun &, const Value &output, const Value &context);

// Runs a fiber to its end, model calls included. Throws the Error it failed with.
std::vector<Value> drive(ItemRun &, Fiber &);

}  // namespace mrun
