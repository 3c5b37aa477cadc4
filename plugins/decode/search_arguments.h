// What a script asks of a search: the parameters of beam_search, greedy and sample, and how each is read.
#pragma once
#include "search.h"
#include "wrap.h"

namespace decode {

struct Asked {
  SearchOptions search;
  mrun::function step{};
  std::vector<std::string> parameters;  // of the step, where it is a model's method
  mrun::value state, constants;
  std::optional<mrun::function> on_step, on_token;
  bool return_scores = false;
};

enum class Method { beam_search, greedy, sample };

// "decode.beam_search@1(Callable step, *, …) -> Any"
std::string search_schema(Method);
// args: one for each parameter of that schema. Throws mrun::error.
Asked read_arguments(const mrun::call &, Method, const mrun_value *args);

}  // namespace decode
