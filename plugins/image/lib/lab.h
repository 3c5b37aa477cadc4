// CIE L*a*b* of 8 bits to RGB.
#pragma once
#include <cstdint>
#include <memory>

namespace image {

// By Little CMS, from ICC's Lab version 2 at D50 to sRGB, perceptual: what Pillow's convert does. One thread.
class LabToRgb {
 public:
  LabToRgb();  // std::bad_alloc, as the conversion
  // In place: L* from 0 to 255, a* and b* as a TIFF holds them, signed.
  void operator()(uint8_t *row, int pixels) const;

 private:
  std::unique_ptr<bool> out_of_memory_ = std::make_unique<bool>(false);
  std::shared_ptr<void> context_;
  std::shared_ptr<void> transform_;  // of the context
};

}  // namespace image
