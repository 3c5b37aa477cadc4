// Rows of a call's arguments, where mode "concat" joins calls along dimension 0.
#pragma once
#include <span>

#include "value/value.h"

namespace mrun {

// The rows [from, from + count) of every tensor in it, as far as it has them; views. A tensor without dimensions stays.
Value rows_of(const Value &, int64_t from, int64_t count);
// How many rows a call brings: those of its first tensor, in lists and tables too; 1 where it has no dimensions.
int64_t count_rows(std::span<const Value> arguments);

}  // namespace mrun
