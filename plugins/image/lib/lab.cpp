#include "lab.h"

#include <lcms2.h>

#include <new>

#include "pixels.h"

namespace image {
namespace {

constexpr cmsUInt32Number lab_bytes = COLORSPACE_SH(PT_LabV2) | CHANNELS_SH(3) | BYTES_SH(1);

}  // namespace

LabToRgb::LabToRgb() {
  const std::shared_ptr<void> lab(cmsCreateLab2Profile(nullptr), cmsCloseProfile);
  const std::shared_ptr<void> srgb(cmsCreate_sRGBProfile(), cmsCloseProfile);
  if (lab != nullptr && srgb != nullptr)
    transform_.reset(cmsCreateTransform(lab.get(), lab_bytes, srgb.get(), TYPE_RGB_8, INTENT_PERCEPTUAL, 0),
                     [](void *t) {
                       if (t != nullptr) cmsDeleteTransform(t);
                     });
  if (transform_ == nullptr) throw std::bad_alloc();
}

void LabToRgb::operator()(uint8_t *row, int pixels) const {
  for (int x = 0; x < pixels; ++x) {
    row[3 * x + 1] ^= 128;
    row[3 * x + 2] ^= 128;
  }
  cmsDoTransform(transform_.get(), row, row, cmsUInt32Number(pixels));
}

}  // namespace image
