// Boxes with labels, for looking at results.
#pragma once
#include <string>
#include <vector>

#include "pixels.h"

namespace image {

struct Box {
  double left = 0, top = 0, right = 0, bottom = 0;
  std::string label;  // printable ASCII; other characters are drawn as "?"
  int colour = 0;     // boxes of one number have one colour
};

// Draws onto uint8 with 1, 3 (RGB) or 4 channels. line: in pixels; 0: by the size of the image.
void draw_boxes(Canvas, const std::vector<Box> &, int line);

}  // namespace image
