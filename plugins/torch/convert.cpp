#include "convert.h"

#include <ATen/core/TensorBody.h>
#include <ATen/ops/dequantize.h>
#include <ATen/ops/from_blob.h>
#include <c10/core/InferenceMode.h>

#include <mrun/plugin_kit.hpp>

#include <algorithm>
#include <array>

#include "guard.h"

namespace mrun_torch {
namespace {

using mrun::host;

constexpr uint8_t dl_bool = 6;

struct TypePair {
  c10::ScalarType torch;
  DLDataType dl;
  const char *name;
};
constexpr std::array<TypePair, 12> types = {{
    {c10::ScalarType::Float, {kDLFloat, 32, 1}, "float32"},
    {c10::ScalarType::Long, {kDLInt, 64, 1}, "int64"},
    {c10::ScalarType::Byte, {kDLUInt, 8, 1}, "uint8"},
    {c10::ScalarType::Bool, {dl_bool, 8, 1}, "bool"},
    {c10::ScalarType::Int, {kDLInt, 32, 1}, "int32"},
    {c10::ScalarType::Double, {kDLFloat, 64, 1}, "float64"},
    {c10::ScalarType::Half, {kDLFloat, 16, 1}, "float16"},
    {c10::ScalarType::BFloat16, {kDLBfloat, 16, 1}, "bfloat16"},
    {c10::ScalarType::Char, {kDLInt, 8, 1}, "int8"},
    {c10::ScalarType::Short, {kDLInt, 16, 1}, "int16"},
    {c10::ScalarType::ComplexFloat, {kDLComplex, 64, 1}, "complex64"},
    {c10::ScalarType::ComplexDouble, {kDLComplex, 128, 1}, "complex128"},
}};

// Sizes and strides follow the holder in one allocation.
struct Holder {
  DLManagedTensor dl;
  at::Tensor tensor;
};

void destroy_holder(DLManagedTensor *dl) {
  auto *holder = static_cast<Holder *>(dl->manager_ctx);
  holder->~Holder();
  ::operator delete(holder);
}

// Keeps a value whose memory torch sees.
struct Kept {
  mrun_value value;
  bool readonly;
};

void release_kept(void *context) {
  auto *kept = static_cast<Kept *>(context);
  host->value_free(&kept->value);
  delete kept;
}

c10::Device torch_device(const DLDevice &d) {
  if (d.device_type == kDLCPU || d.device_type == kDLCUDAHost) return c10::Device(c10::kCPU);
  if (d.device_type == kDLCUDA) return c10::Device(c10::kCUDA, static_cast<c10::DeviceIndex>(d.device_id));
  throw mrun::error(MRUN_ARGUMENT, "torch cannot use a tensor on DLPack device " + std::to_string(int(d.device_type)));
}

DLDevice dl_device(const c10::Device &d) {
  if (d.is_cpu()) return {kDLCPU, 0};
  if (d.is_cuda()) return {kDLCUDA, d.has_index() ? d.index() : 0};
  throw mrun::error(MRUN_MODEL, "a tensor on device " + d.str() + " cannot leave torch");
}

bool runs_backwards(const DLTensor &t) {
  return t.strides != nullptr && std::any_of(t.strides, t.strides + t.ndim, [](int64_t step) { return step < 0; });
}

at::Tensor import(mrun_call *call, const mrun_value &v, bool readonly) {
  const DLTensor &t = v.as.tensor.dl->dl_tensor;
  const auto options = at::TensorOptions().dtype(scalar_type(t.dtype)).device(torch_device(t.device));
  const at::IntArrayRef sizes(t.shape, static_cast<size_t>(t.ndim));
  auto kept = std::make_unique<Kept>(Kept{{}, readonly});
  mrun::check(host->value_copy(call, &v, &kept->value));
  auto maker = at::for_blob(t.data == nullptr ? nullptr : static_cast<char *>(t.data) + t.byte_offset, sizes);
  if (t.strides != nullptr && !runs_backwards(t))
    maker.strides(at::IntArrayRef(t.strides, static_cast<size_t>(t.ndim)));
  return maker.context(kept.release(), &release_kept).target_device(options.device()).options(options).make_tensor();
}

const char *refusal(const at::Tensor &t) {
  if (t.is_sparse() || t.layout() == c10::kSparseCsr)
    return "a sparse tensor cannot leave torch: call to_dense() first";
  if (t.is_mkldnn()) return "an mkldnn tensor cannot leave torch: call to_dense() first";
  if (t.is_nested()) return "a nested tensor cannot leave torch: call to_padded_tensor() first";
  if (t.is_meta()) return "a meta tensor has no data";
  if (t.layout() != c10::kStrided || !t.has_storage())
    return "this tensor has no strided memory and cannot leave torch";
  return nullptr;
}

// ---- torch.Quantized: what DLPack cannot carry ----------------------------------------------------------------------

void destroy_quantized(void *self) { delete static_cast<at::Tensor *>(self); }

int dequantized(mrun_call *call, void *self, mrun_value *out) {
  return guarded(call, [&] {
    const c10::InferenceMode mode;
    *out = to_value(call, at::dequantize(*static_cast<at::Tensor *>(self)));
  });
}

const mrun_type quantized_type = {
    sizeof(mrun_type),  MRUN_TYPE_SHAREABLE,
    "torch.Quantized",  "A quantized tensor. Wherever a tensor is wanted its values are used, as float32.",
    &destroy_quantized, &dequantized};

}  // namespace

c10::ScalarType scalar_type(const DLDataType &t) {
  for (const TypePair &p : types) {
    if (p.dl.code == t.code && p.dl.bits == t.bits && p.dl.lanes == t.lanes) return p.torch;
  }
  throw mrun::error(MRUN_ARGUMENT,
                    "torch works with no " + mrun::dtype_text(t) + " tensors: give another dtype, as int32 or float32");
}

DLDataType dl_type(c10::ScalarType t) {
  for (const TypePair &p : types) {
    if (p.torch == t) return p.dl;
  }
  throw mrun::error(MRUN_MODEL, std::string("a tensor of dtype ") + c10::toString(t) + " cannot leave torch");
}

const char *dtype_name(c10::ScalarType t) {
  for (const TypePair &p : types) {
    if (p.torch == t) return p.name;
  }
  return "?";
}

bool scalar_type_of(std::string_view name, c10::ScalarType *out) {
  for (const TypePair &p : types) {
    if (name == p.name) {
      *out = p.torch;
      return true;
    }
  }
  return false;
}

at::Tensor from_value(mrun_call *call, const mrun_value &v, bool readonly) {
  readonly = readonly || (v.flags & MRUN_READONLY) != 0;
  const DLManagedTensor *dl = v.as.tensor.dl;
  if (!readonly && dl->deleter == &destroy_holder) return static_cast<Holder *>(dl->manager_ctx)->tensor;
  if (!runs_backwards(dl->dl_tensor)) return import(call, v, readonly);
  // As numpy makes them of flipped pictures. What is only read may be a copy; one without elements needs none.
  const mrun::call c(call);
  const mrun::tensor given(c, v);
  if (!readonly || !given.on_cpu()) {
    throw mrun::error(MRUN_ARGUMENT,
                      "torch has no tensors with negative strides that it could write or that are not on the CPU");
  }
  return import(call, given.contiguous(c).get(), readonly);
}

mrun_value to_value(mrun_call *call, const at::Tensor &given, bool readonly) {
  mrun_value out{};
  if (!given.defined()) return out;
  if (given.is_quantized()) {
    mrun::check(host->object_new(call, &quantized_type, new at::Tensor(given), &out));
    return out;
  }
  if (const char *reason = refusal(given)) throw mrun::error(MRUN_MODEL, reason);
  at::Tensor t = given;
  if (t.is_conj() || t.is_neg()) t = t.resolve_conj().resolve_neg();
  const DLDataType type = dl_type(t.scalar_type());
  const DLDevice device = dl_device(t.device());
  const auto ndim = static_cast<size_t>(t.dim());

  void *memory = ::operator new(sizeof(Holder) + 2 * ndim * sizeof(int64_t));
  auto *holder = new (memory) Holder{{}, std::move(t)};
  auto *shape = reinterpret_cast<int64_t *>(holder + 1);
  const at::IntArrayRef sizes = holder->tensor.sizes(), strides = holder->tensor.strides();
  for (size_t i = 0; i < ndim; ++i) shape[i] = sizes[i], shape[ndim + i] = strides[i];
  DLTensor &d = holder->dl.dl_tensor;
  d.data = holder->tensor.numel() == 0 ? nullptr : holder->tensor.data_ptr();
  d.device = device;
  d.ndim = static_cast<int32_t>(ndim);
  d.dtype = type;
  d.shape = shape;
  d.strides = shape + ndim;
  d.byte_offset = 0;
  holder->dl.manager_ctx = holder;
  holder->dl.deleter = &destroy_holder;
  readonly = readonly || is_readonly(holder->tensor);
  mrun::check(host->tensor_give(call, &holder->dl, &out));
  if (readonly) out.flags |= MRUN_READONLY;
  return out;
}

bool is_readonly(const at::Tensor &t) {
  const c10::DataPtr &data = t.storage().data_ptr();
  return data.get_deleter() == &release_kept && static_cast<const Kept *>(data.get_context())->readonly;
}

int register_quantized(mrun_registry *registry) { return host->add_type(registry, &quantized_type); }

}  // namespace mrun_torch
