#include "author/pixels.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "plugin/registry.h"

namespace mrun {
namespace {

constexpr std::string_view kind = "image/";

Tensor tensor_of_text(const std::string &text) {
  Tensor t = Tensor::empty(dtype::uint8, {static_cast<int64_t>(text.size())});
  std::copy(text.begin(), text.end(), t.data<char>());
  return t;
}

// uint8, height x width x 4: whatever the file keeps, so that grey and colour can be compared.
Tensor pixels_of(Registry *registry, const Tensor &file) {
  if (registry == nullptr) fail(MRUN_MISSING, "there are no plugins here");
  const OperationSet &decode = registry->require("image.decode@1");
  ItemContext item;
  mrun_call call(item);
  call.registry = registry;
  const Value options = Value::map({{"mode", Value::string("RGBA")}});
  CallResult result = call_operation(decode, call, std::span(&file.c(), 1), options.c());
  const Value &image = result.values.at(0);
  return image.is_object() ? tensor_of(*image.c().as.object, call) : image.as_tensor();
}

}  // namespace

std::optional<EncodedImage> encoded_image(const Value &v, std::string_view hint) {
  if (v.is_tensor()) {
    const Tensor &t = v.as_tensor();
    const std::string_view type = t.media_type().empty() ? hint : t.media_type();
    if (t.dim() != 1 || !(t.dtype() == dtype::uint8) || !t.on_cpu() || !type.starts_with(kind)) return std::nullopt;
    return EncodedImage{t.contiguous(), std::string(type)};
  }
  const Value *bytes = v.find("$bytes"), *type = v.find("type");
  if (bytes == nullptr || type == nullptr || !bytes->is_string() || !type->is_string()) return std::nullopt;
  if (!type->as_string().starts_with(kind)) return std::nullopt;
  const auto file = unbase64(bytes->as_string());
  if (!file) return std::nullopt;
  return EncodedImage{tensor_of_text(*file), std::string(type->as_string())};
}

std::optional<Difference> compare_images(const EncodedImage &expected, const EncodedImage &got,
                                         const Tolerance &tolerance, const std::string &place) {
  if (expected.media_type != got.media_type) {
    return Difference{place, fmt::format("expected {}, got {}", expected.media_type, got.media_type)};
  }
  if (expected.file.bytes() == got.file.bytes()) return std::nullopt;
  try {
    const Tensor a = pixels_of(tolerance.registry, expected.file), b = pixels_of(tolerance.registry, got.file);
    if (a.shape() != b.shape()) {
      return Difference{
          place, fmt::format("expected {} x {} pixels, got {} x {}", a.size(1), a.size(0), b.size(1), b.size(0))};
    }
    auto d = compare_elements(a, b, {tolerance.rtol, tolerance.atol * 255}, place, true);
    if (d) d->message += " (row, column, channel of the decoded image)";
    return d;
  } catch (const Error &e) {
    return Difference{place, fmt::format("the encoded files differ ({} and {} bytes) and cannot be decoded: {}",
                                         expected.file.numel(), got.file.numel(), e.message)};
  }
}

}  // namespace mrun
