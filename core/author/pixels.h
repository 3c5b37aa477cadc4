// Encoded images side by side by what they show: two versions of an encoder write one picture in different bytes.
#pragma once
#include "author/compare.h"

namespace mrun {

struct EncodedImage {
  Tensor file;  // 1-D uint8
  std::string media_type;
};
// What `v` holds where it is an encoded image: bytes with a media type image/…, as a tensor or as JSON writes them
// ({"$bytes": base64, "type": "image/png"}). `hint`: the media type of bytes that have none.
std::optional<EncodedImage> encoded_image(const Value &v, std::string_view hint = {});

// Pixels are compared as numbers from 0 to 1 within the tolerance; sizes must be equal. Files that cannot be decoded
// (damaged, no image plugin) differ where their bytes do, and the message says why.
std::optional<Difference> compare_images(const EncodedImage &expected, const EncodedImage &got, const Tolerance &,
                                         const std::string &place);

}  // namespace mrun
