// at::Tensor <-> mrun_value, without copying elements.
//
// A tensor that leaves torch carries a Holder of our own; one that comes back is recognised by its deleter and
// unwrapped. Any other DLPack tensor is seen through a storage that keeps the value alive, so views of it may be
// returned.
//
// What is read-only stays read-only: a tensor from a value with MRUN_READONLY, and every view of it, leaves with that
// flag again. Shapes are copied into the holder, since metadata of an at::Tensor can be changed in place.
//
// All code that runs operators does so in c10::InferenceMode: tensors made under it cannot be written outside of it.
#pragma once
#include <ATen/core/Tensor.h>
#include <c10/core/ScalarType.h>
#include <mrun/plugin.hpp>

#include <string>

namespace mrun_torch {

// The tensor in a value (kind MRUN_TENSOR), sharing its memory; it may outlive the value. readonly: treat it as if it
// had MRUN_READONLY. Throws mrun::error ARGUMENT: a dtype, device or stride that torch does not have.
at::Tensor from_value(mrun_call *call, const mrun_value &v, bool readonly = false);

// The value of a tensor, owned by the caller; it shares the memory. An undefined tensor is nil, a quantized one an
// object torch.Quantized. Lazily conjugated or negated tensors are computed first. Throws mrun::failed (the host
// refused) and mrun::error MODEL: sparse, mkldnn and other tensors without strided memory.
mrun_value to_value(mrun_call *call, const at::Tensor &t, bool readonly = false);

// True where the memory came from a value with MRUN_READONLY.
bool is_readonly(const at::Tensor &t);

// A list of equal kind or an empty one is no tensor: these are for scalars and names.
c10::ScalarType scalar_type(const DLDataType &t);                  // throws mrun::error ARGUMENT
DLDataType dl_type(c10::ScalarType t);                             // throws mrun::error MODEL
const char *dtype_name(c10::ScalarType t);                         // "float32"; "?" for types that no value can carry
bool scalar_type_of(std::string_view name, c10::ScalarType *out);  // canonical names: "float32", "bool", ...

// Registers the object type torch.Quantized.
int register_quantized(mrun_registry *registry);

}  // namespace mrun_torch
