// Whose input a tensor's memory is. A root is a number of one item (next_root), 0 where the memory is nobody's input; views
// have their tensor's, also those that a plugin makes.
#pragma once
#include "value/tensor.h"

namespace mrun {

uint64_t next_root() noexcept;               // never given before in this process
uint64_t root_of(const mrun_value &tensor);  // of kind tensor
Tensor with_root(const Tensor &, uint64_t);  // a view
void set_root(Tensor &, uint64_t);           // of one that was just made
}  // namespace mrun
