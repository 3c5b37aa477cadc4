// Which way up an image is, as its metadata say: 1 to 8.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace image {

// The orientation in a block of EXIF data ("Exif\0\0" before it or not); nothing where there is none or it is damaged.
std::optional<int> exif_orientation(const uint8_t *data, size_t size);

// By a PNG's chunks, wherever they stand: eXIf, the profile that ImageMagick writes as text, XMP. 1 where none says.
int png_orientation(const uint8_t *data, size_t size);

}  // namespace image
