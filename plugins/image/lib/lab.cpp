#include "lab.h"

#include <lcms2_plugin.h>

#include <cstdlib>
#include <new>

#include "pixels.h"

namespace image {
namespace {

constexpr cmsUInt32Number lab_bytes = COLORSPACE_SH(PT_LabV2) | CHANNELS_SH(3) | BYTES_SH(1);

// lcms2 goes on where it gets no memory for a table, and converts to slightly other colours: the context's user data, a
// bool, tells. While a context is made it has none yet; that fails by itself.
void *noted(cmsContext context, void *p) {
  auto *const out_of_memory = static_cast<bool *>(cmsGetContextUserData(context));
  if (p == nullptr && out_of_memory != nullptr) *out_of_memory = true;
  return p;
}
void *allocate(cmsContext context, cmsUInt32Number size) { return noted(context, std::malloc(size)); }
void *reallocate(cmsContext context, void *p, cmsUInt32Number size) { return noted(context, std::realloc(p, size)); }
void release(cmsContext, void *p) { std::free(p); }

std::shared_ptr<void> make_context(bool &out_of_memory) {
  cmsPluginMemHandler memory{};
  memory.base = {cmsPluginMagicNumber, 2060, cmsPluginMemHandlerSig, nullptr};
  memory.MallocPtr = allocate;
  memory.FreePtr = release;
  memory.ReallocPtr = reallocate;
  const cmsContext made = cmsCreateContext(&memory, &out_of_memory);
  if (made == nullptr) throw std::bad_alloc();
  return {made, cmsDeleteContext};
}

}  // namespace

LabToRgb::LabToRgb() : context_(make_context(*out_of_memory_)) {
  auto *const context = static_cast<cmsContext>(context_.get());
  const std::shared_ptr<void> lab(cmsCreateLab2ProfileTHR(context, nullptr), cmsCloseProfile);
  const std::shared_ptr<void> srgb(cmsCreate_sRGBProfileTHR(context), cmsCloseProfile);
  if (lab != nullptr && srgb != nullptr)
    transform_.reset(cmsCreateTransformTHR(context, lab.get(), lab_bytes, srgb.get(), TYPE_RGB_8, INTENT_PERCEPTUAL, 0),
                     [](void *t) {
                       if (t != nullptr) cmsDeleteTransform(t);
                     });
  if (transform_ == nullptr || *out_of_memory_) throw std::bad_alloc();
}

void LabToRgb::operator()(uint8_t *row, int pixels) const {
  for (int x = 0; x < pixels; ++x) {
    row[3 * x + 1] ^= 128;
    row[3 * x + 2] ^= 128;
  }
  cmsDoTransform(transform_.get(), row, row, cmsUInt32Number(pixels));
  if (*out_of_memory_) throw std::bad_alloc();
}

}  // namespace image
