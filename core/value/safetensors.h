// safetensors: named tensors in one block of bytes; read without a copy, written in mrun's profile.
//
// Layout: u64 n | n bytes of JSON | data. The JSON gives each tensor's dtype, shape and place in the data:
//   {"__metadata__": {"key": "text"}, "weight": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, …}
// Profile: the JSON is padded with spaces so that the data begins at a multiple of 64; tensors come by element size,
// largest first, then by name, so each is aligned to its element size. Two keys of the metadata are mrun's own, JSON
// objects as texts: `mrun.alias` (a further name → the name whose memory it shares) and `mrun.strides` (name → strides,
// of tensors that are dense but not row-major; their bytes stay in storage order).
#pragma once
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/error.h"
#include "value/tensor.h"

namespace mrun {

using NamedTensors = std::map<std::string, Tensor, std::less<>>;
Value tensor_map(const NamedTensors &);        // as a map
NamedTensors named_tensors(const Value &map);  // a map of tensors only: else ARGUMENT

struct SafeTensors {
  NamedTensors tensors;                         // aliases and strides applied
  std::map<std::string, std::string> metadata;  // without mrun's own two
};

// `bytes`: 1-D uint8. The tensors are views that keep it alive, read-only if it is; one whose elements lie unaligned
// (never in mrun's profile) is a copy. The header is checked whole before anything is made. Errors throw `code` and
// begin with `name`: the file's.
SafeTensors read_safetensors(const Tensor &bytes, std::string_view name, mrun_code code = MRUN_INPUT);

// The same tensors and metadata give the same bytes. Tensors that share memory, shape, strides and dtype are written
// once; those that are not dense (with holes, overlaps) become row-major. `sink` gets the file in order. CPU tensors
// only; complex ones are refused: ARGUMENT with the tensor's name.
void write_safetensors(const NamedTensors &, const std::map<std::string, std::string> &metadata,
                       const std::function<void(std::string_view)> &sink);
std::string write_safetensors(const NamedTensors &, const std::map<std::string, std::string> &metadata = {});

}  // namespace mrun
