// What rows of the report of `verify` say in words.
#pragma once
#include "view.h"

namespace command {
// "first in postprocess at answer.n: expected 4, got 5 (2 of 3 elements differ, by at most 0.5, relative 0.1)"
std::string what_differs(const View &row);
}  // namespace command
