// What the reports of `verify` and `pack` say of examples, in words.
#pragma once
#include "view.h"

namespace command {
// "first in postprocess at answer.n: expected 4, got 5 (2 of 3 elements differ, by at most 0.5, relative 0.1)"
std::string what_differs(const View &row);
// Of a bundle that keeps none: pack and verify then tried nothing.
constexpr const char *no_examples = "0 examples: nothing shows that the answers are right (mrun record keeps one)";
}  // namespace command
