#include "model_advice.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <iterator>
#include <mrun/message.hpp>
#include <optional>
#include <string_view>

#include "convert.h"

namespace mrun_torch {
namespace {

bool contains(std::string_view text, std::string_view what) { return text.find(what) != std::string_view::npos; }

// The whole number that follows `before` in libtorch's words.
std::optional<int64_t> number_behind(const std::string &said, std::string_view before) {
  const size_t at = said.find(before);
  if (at == std::string::npos || at + before.size() >= said.size()) return std::nullopt;
  const char *begin = said.c_str() + at + before.size();
  if (std::isdigit(static_cast<unsigned char>(*begin)) == 0) return std::nullopt;
  return std::strtoll(begin, nullptr, 10);
}

template <class Wanted>
const at::Tensor *find_input(const std::vector<c10::IValue> &inputs, const Wanted &wanted) {
  for (const c10::IValue &v : inputs) {
    if (v.isTensor() && v.toTensor().defined() && wanted(v.toTensor())) return &v.toTensor();
  }
  return nullptr;
}

bool speaks_of_dtypes(const std::string &said) {
  constexpr std::string_view words[] = {"should be the same", "the same dtype", "expected scalar type",
                                        "not implemented for '", "infer output dtype"};
  return std::any_of(std::begin(words), std::end(words), [&](std::string_view w) { return contains(said, w); });
}

std::string of_dtype(const std::vector<c10::IValue> &inputs, c10::ScalarType weights) {
  const at::Tensor *other = find_input(inputs, [&](const at::Tensor &t) { return t.scalar_type() != weights; });
  if (other == nullptr) return "";
  const std::string wanted = dtype_name(weights);
  const std::string way = "; the model computes in " + wanted + ": x:to \"" + wanted + "\" converts";
  const bool pixels = other->scalar_type() == c10::kByte && other->dim() >= 3;
  return way + (pixels ? ", image.to_float and image.normalize make float32 of pixels, channels first" : "");
}

std::string of_channels(const std::string &said, const std::vector<c10::IValue> &inputs) {
  auto wanted = number_behind(said, "to have ");
  const auto got = number_behind(said, "but got ");
  if (contains(said, "running_mean should contain ")) wanted = number_behind(said, "elements not ");
  if (!wanted) return "";
  const bool behind = find_input(inputs, [&](const at::Tensor &t) {
                        return t.dim() >= 3 && t.size(-1) == *wanted && t.size(-3) != *wanted;
                      }) != nullptr;
  if (behind)
    return "; channels come first: x:permute(2, 0, 1) of a picture (image.to_float and image.normalize do it)";
  if (*wanted == 3 && got && *got == 1)
    return "; a grey picture becomes one of 3 channels by image.convert(img, \"RGB\")";
  if (*wanted == 1 && got) return "; image.convert(img, \"L\") makes a grey picture";
  return *wanted == 3 && got && *got == 4 ? "; image.decode(input) gives 3 channels" : "";
}

// conv2d and others: "Expected 3D (unbatched) or 4D (batched) input …".
std::string of_dimensions(const std::string &said, const std::vector<c10::IValue> &inputs) {
  const auto unbatched = number_behind(said, "Expected ");
  if (!unbatched || !contains(said, "D (unbatched) or ")) return "";
  const int64_t most = *unbatched + 1;
  if (find_input(inputs, [&](const at::Tensor &t) { return t.dim() > most; }) != nullptr)
    return "; [batch] adds a batch dimension: leave out the script's own (x:squeeze(0)), or say mode = \"none\" there";
  return "; x:unsqueeze(0) adds a dimension in front";
}

std::string of_product(const std::string &said) {
  const size_t open = said.find("multiplied (");
  if (open == std::string::npos) return "";
  const auto got = number_behind(said.substr(open), "x"), wanted = number_behind(said.substr(open), " and ");
  if (!got || !wanted) return "";
  return "; the last dimension must have " + mrun::counted(*wanted, "element") + ", it has " + std::to_string(*got);
}

}  // namespace

std::string model_advice(const std::string &said, const std::vector<c10::IValue> &inputs, c10::ScalarType weights) {
  if (contains(said, "scalar types: Long, Int")) return "; ids are whole numbers: x:to \"int64\" converts";
  if (contains(said, "index out of range in self"))
    return "; an id is not below the number of rows in the model's table";
  if (speaks_of_dtypes(said)) return of_dtype(inputs, weights);
  for (const std::string &advice : {of_channels(said, inputs), of_dimensions(said, inputs), of_product(said)}) {
    if (!advice.empty()) return advice;
  }
  return "";
}

}  // namespace mrun_torch
