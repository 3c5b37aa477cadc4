// Masks that kernels before libtorch 2 misread.
#include <ATen/core/Tensor.h>
#include <ATen/ops/masked_fill_ops.h>
#include <ATen/ops/masked_scatter_ops.h>

#include <mrun/plugin.hpp>

#include "checks_typed.h"
#include "convert.h"

namespace mrun_torch {
namespace {

// Where a mask is no bool, they read the first byte of each element: of a float none of its value.
struct MaskCheck {
  template <class Source>
  void operator()(const char *name, const at::Tensor &, const at::Tensor &mask, const Source &) const {
    if (!mask.defined() || mask.scalar_type() == c10::kBool || mask.scalar_type() == c10::kByte) return;
    constexpr int64_t first_byte = 0xFF;
    const bool integers = c10::isIntegralType(mask.scalar_type(), /*includeBool=*/false);
    if (integers && mask.bitwise_and(first_byte).ne(0).equal(mask.ne(0))) return;
    throw mrun::error(MRUN_ARGUMENT, std::string(name) + ": mask: want a bool tensor, got one of " +
                                         dtype_name(mask.scalar_type()) + "; x:gt(0), x:ne(0) or x:bool() make one");
  }
};

}  // namespace

// The forms with out= call these.
void add_mask_checks(torch::Library &aten) {
  add_check<at::_ops::masked_fill_Scalar, MaskCheck>(aten);
  add_check<at::_ops::masked_fill_Tensor, MaskCheck>(aten);
  add_check<at::_ops::masked_fill__Scalar, MaskCheck>(aten);
  add_check<at::_ops::masked_fill__Tensor, MaskCheck>(aten);
  add_check<at::_ops::masked_scatter, MaskCheck>(aten);
  add_check<at::_ops::masked_scatter_, MaskCheck>(aten);
}

}  // namespace mrun_torch
