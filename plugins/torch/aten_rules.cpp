#include "aten_rules.h"

#include <ATen/core/jit_type.h>

#include <algorithm>

namespace mrun_torch {
namespace {

// `*` at the start, the end or both; a few families need their exact spelling.
constexpr std::string_view denied_names[] = {
    // files, storage, memory that is not initialized or not checked
    "from_file", "set*", "data", "resize*", "empty*", "new_empty*", "as_strided*", "slice_inverse", "unsafe_*",
    "is_set_to", "native_channel_shuffle", "histogramdd*", "thnn_*", "slow_conv*", "lu_solve", "linalg_lu_solve",
    "linalg_ldl_solve", "ctc_loss", "native_batch_norm*", "batch_norm_*",
    // metadata changed in place: shapes lie outside of the tensor that a script holds
    "t_", "transpose_", "squeeze_", "unsqueeze_", "swapaxes_", "swapdims_", "detach_", "rename*", "refine_names",
    "align_*", "unflatten_dense_tensors", "flatten_dense_tensors",
    // internals of autograd, of other libraries and of quantization
    "*_backward*", "*backward", "mkldnn_*", "miopen_*", "cudnn_*", "mps_*", "fbgemm_*", "quantize*", "fake_quant*",
    "fused_*", "q_*", "qscheme", "int_repr", "choose_q*", "quantized_*",
    // not strided
    "sparse_*", "to_sparse*", "to_mkldnn*", "*_as_sparse*", "copy_sparse*", "sspaddmm", "hspmm", "coalesce", "indices*",
    "values*", "crow_indices*", "col_indices*", "ccol_indices*", "row_indices*", "nested_*", "to_padded_tensor",
    // state, and questions about it
    "record_stream", "retain*", "requires_grad_", "pin_memory", "is_pinned", "lift*", "sym_*", "is_vulkan_available",
    "is_leaf", "output_nr", "is_inference", "dense_dim", "is_coalesced", "get_gradients", "manual_seed", "seed",
    "print", "warn", "wait",
    // random without a generator
    "*dropout*", "rrelu_with_noise*"};

// Internal by name, but what Python's public functions are made of.
constexpr std::string_view allowed_internals[] = {"_upsample_bilinear2d_aa",   "_upsample_bicubic2d_aa",
                                                  "_upsample_nearest_exact1d", "_upsample_nearest_exact2d",
                                                  "_upsample_nearest_exact3d", "_unique2"};

bool matches(std::string_view pattern, std::string_view name) {
  const bool any_start = pattern.front() == '*', any_end = pattern.size() > 1 && pattern.back() == '*';
  const std::string_view text = pattern.substr(any_start, pattern.size() - any_start - any_end);
  if (any_start && any_end) return name.find(text) != std::string_view::npos;
  if (any_start) return name.size() >= text.size() && name.substr(name.size() - text.size()) == text;
  if (any_end) return name.substr(0, text.size()) == text;
  return name == text;
}

bool has_kind(const c10::TypePtr &type, c10::TypeKind kind) {
  if (type->kind() == kind) return true;
  for (const c10::TypePtr &inner : type->containedTypes()) {
    if (has_kind(inner, kind)) return true;
  }
  return false;
}

bool is_list_of_names(const c10::TypePtr &type) {
  return has_kind(type, c10::TypeKind::ListType) && has_kind(type, c10::TypeKind::StringType);
}

}  // namespace

bool denied_name(std::string_view name) {
  if (name.empty() || name.front() == '_') {
    return std::find(std::begin(allowed_internals), std::end(allowed_internals), name) == std::end(allowed_internals);
  }
  return std::any_of(std::begin(denied_names), std::end(denied_names), [&](std::string_view pattern) {
    return (pattern.front() == '*' || pattern.front() == name.front()) && matches(pattern, name);
  });
}

bool denied_overload(const c10::FunctionSchema &schema, bool seeded) {
  // Named dimensions are parsed as `str`: only the overload's name tells.
  const std::string &overload = schema.overload_name();
  if (overload.find("ame") != std::string::npos) return true;
  bool generator = false, dropout = false;
  for (const c10::Argument &a : schema.arguments()) {
    const c10::TypePtr &type = a.real_type();
    if (a.is_out() || is_list_of_names(type) || has_kind(type, c10::TypeKind::StorageType) ||
        has_kind(type, c10::TypeKind::StreamObjType) || has_kind(type, c10::TypeKind::QSchemeType)) {
      return true;
    }
    const bool is_generator = has_kind(type, c10::TypeKind::GeneratorType);
    generator = generator || is_generator;
    dropout = dropout || dropout_parameter(a);
    if (hidden_parameter(a) && !is_generator && !a.default_value()) return true;
  }
  return seeded && !generator && !dropout;
}

bool hidden_parameter(const c10::Argument &a) {
  // The scales of upsample_* and the sorter of searchsorted lead to elements outside of the tensor where they are wrong.
  static constexpr std::string_view names[] = {"pin_memory", "non_blocking", "unsafe",   "sorter",
                                               "scales",     "scales_d",     "scales_h", "scales_w"};
  const c10::TypePtr &type = a.real_type();
  return has_kind(type, c10::TypeKind::GeneratorType) || has_kind(type, c10::TypeKind::LayoutType) ||
         has_kind(type, c10::TypeKind::MemoryFormatType) ||
         std::find(std::begin(names), std::end(names), a.name()) != std::end(names);
}

bool dropout_parameter(const c10::Argument &a) { return a.name() == "dropout" || a.name() == "dropout_p"; }

}  // namespace mrun_torch
