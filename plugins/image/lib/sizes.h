// Sizes by the rules of torchvision (Resize, CenterCrop) and Ultralytics (LetterBox), their rounding included.
#pragma once
#include <optional>

#include "pixels.h"

namespace image {

struct Size {
  int height = 0, width = 0;
};

// torchvision's Resize(short): the shorter side becomes `target`, the longer is truncated; if that exceeds max_size
// the longer side becomes max_size.
Size shorter_side(Size in, int64_t target, std::optional<int64_t> max_size);

// torchvision's CenterCrop: the offset is half the difference, rounded half to even; where the image is smaller, the
// rectangle reaches beyond it (by one more on the far side where the difference is odd).
Rect center_crop(Size in, Size out);

// Ultralytics' LetterBox: the image fits into `target`, keeps its ratio, and is centred.
struct Letterbox {
  Size resized;  // of the image
  Rect inside;   // where it lies
  Size out;      // of the whole
  double scale;  // resized / in
};
// stride > 0: no more border than makes both sides a multiple of it ("auto").
Letterbox letterbox(Size in, Size target, int64_t stride, bool scale_up);

}  // namespace image
