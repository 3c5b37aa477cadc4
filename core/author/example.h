// Examples: examples/NAME/ with the input as it came, the answer it had, and what passed between the stages.
//
//   input.EXT            the input (text: txt, json: json, image: jpg, png, ..., audio: wav, ..., bytes: bin, tensor: npy
//                        or safetensors)
//   input.FIELD.EXT      of a record: a file for each field
//   expected.json        the answer
//   stages.safetensors   the tensors of x ("preprocess", "preprocess.ids", "preprocess.1") and of the output
//                        ("forward..."); numbers are float64 tensors without dimensions
#pragma once
#include <string>
#include <vector>

#include "author/compare.h"
#include "exec/session.h"
#include "value/json.h"

namespace mrun {

struct StageTensors {         // by stage, in their order
  Value preprocess, forward;  // maps from a name to a tensor
};

struct Example {
  std::string name;
  std::vector<std::pair<std::string, std::string>> inputs;  // field ("" where it is no record) and path in the bundle
};

std::vector<Example> list_examples(const Bundle &);     // by name
Value example_input(const Bundle &, const Example &);   // throws INPUT, MISSING
Value example_answer(const Bundle &, const Example &);  // expected.json; throws MISSING
Value example_stages(const Bundle &, const Example &);  // a map of tensors, empty where nothing was recorded

// The tensors inside a value, by their place: "preprocess", "preprocess.ids", "preprocess.1".
std::vector<std::pair<std::string, Value>> flatten(const Value &, const std::string &place);

// One item run for its answer and its stages.
struct Recorded {
  Result result;
  std::vector<std::pair<std::string, Value>> stages;
};
Recorded run_recorded(Session &, const Value &input, uint64_t number);
// The answer as JSON reads it back, to be compared with what expected.json holds; but what is known to be a float stays
// one, also where it is printed without a fraction.
Value answer_as_json(const Value &answer);
Value answer_as_json(const Value &answer, const JsonOptions &);

}  // namespace mrun
