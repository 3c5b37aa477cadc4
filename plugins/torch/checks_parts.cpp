// As many tensors as the data say.
#include <ATen/core/Tensor.h>
#include <ATen/ops/chunk_ops.h>
#include <ATen/ops/meshgrid_ops.h>
#include <ATen/ops/split_copy_ops.h>
#include <ATen/ops/split_ops.h>
#include <ATen/ops/tensor_split_ops.h>
#include <ATen/ops/unbind_copy_ops.h>
#include <ATen/ops/unbind_ops.h>
#include <ATen/ops/unsafe_chunk_ops.h>
#include <ATen/ops/unsafe_split_ops.h>

#include <type_traits>

#include "checks_typed.h"
#include "scope.h"

namespace mrun_torch {
namespace {

// A tensor takes memory beside its elements: in libtorch, in the engine and in the script's list.
void charge_parts(int64_t count, int64_t dimensions) {
  constexpr int64_t each = 1024, each_dimension = 32;
  charge_current(count, each + each_dimension * dimensions);
}

// The size of the dimension that is taken apart; 0 where the kernel will say that there is none.
int64_t size_of_dimension(const at::Tensor &self, int64_t dim) {
  const int64_t at = dim < 0 ? dim + self.dim() : dim;
  return at >= 0 && at < self.dim() ? self.size(at) : 0;
}

// Sizes are numbers before libtorch 2, and may be symbols of a compiler in it, which none is here.
template <class Size>
int64_t plain(const Size &n) {
  if constexpr (std::is_integral_v<Size>) {
    return n;
  } else {
    return n.expect_int();
  }
}

struct UnbindCheck {
  void operator()(const char *, const at::Tensor &self, int64_t dim) const {
    charge_parts(size_of_dimension(self, dim), self.dim());
  }
};

struct SplitCheck {
  template <class Size>
  void operator()(const char *, const at::Tensor &self, const Size &split_size, int64_t dim) const {
    const int64_t step = plain(split_size);
    if (step > 0) charge_parts(size_of_dimension(self, dim) / step + 1, self.dim());
  }
};

// Of an empty dimension as many as were asked for; of others it is split that makes them.
struct ChunkCheck {
  void operator()(const char *, const at::Tensor &self, int64_t chunks, int64_t dim) const {
    if (size_of_dimension(self, dim) == 0) charge_parts(chunks, self.dim());
  }
};

struct SectionsCheck {
  template <class Size>
  void operator()(const char *, const at::Tensor &self, const Size &sections, int64_t) const {
    charge_parts(plain(sections), self.dim());
  }
};

// Each of the results has a dimension for each of the tensors.
struct GridCheck {
  template <class... Indexing>
  void operator()(const char *, at::TensorList tensors, const Indexing &...) const {
    const auto count = static_cast<int64_t>(tensors.size());
    charge_parts(count, count);
  }
};

}  // namespace

void add_part_checks(torch::Library &aten) {
  add_check<at::_ops::unbind_int, UnbindCheck>(aten);
  add_check<at::_ops::unbind_copy_int, UnbindCheck>(aten);
  add_check<at::_ops::split_Tensor, SplitCheck>(aten);
  add_check<at::_ops::split_copy_Tensor, SplitCheck>(aten);
  add_check<at::_ops::unsafe_split_Tensor, SplitCheck>(aten);
  add_check<at::_ops::chunk, ChunkCheck>(aten);
  add_check<at::_ops::unsafe_chunk, ChunkCheck>(aten);
  add_check<at::_ops::tensor_split_sections, SectionsCheck>(aten);
  add_check<at::_ops::meshgrid, GridCheck>(aten);
  add_check<at::_ops::meshgrid_indexing, GridCheck>(aten);
}

}  // namespace mrun_torch
