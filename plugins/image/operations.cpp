#include "operations.h"

#include <cmath>

namespace image {

Size pair(const char *name, const Ints &size) {
  if (size.size() != 1 && size.size() != 2)
    bad_argument(std::string(name) + " has " + std::to_string(size.size()) + " numbers; wanted n or {height, width}");
  const int64_t h = size[0], w = size.back();
  check_size("the result", h, w, Error::Code::argument);
  return {int(h), int(w)};
}

void want_u8(const Picture &p) {
  if (p.shape().type != Type::u8)
    bad_argument(
        "image is float32; wanted uint8: of values from 0 to 1 (img * 255):round():clamp(0, 255):to(\"uint8\")");
}

std::vector<Edges> boxes_of(const call &c, const value &given) {
  const Floats n = mrun::rows<double>(c, given, 4, "boxes");
  for (const double x : n)
    if (!std::isfinite(x)) bad_argument("boxes holds a number that is not finite");
  std::vector<Edges> boxes;
  for (size_t i = 0; i < n.size(); i += 4) boxes.push_back({n[i], n[i + 1], n[i + 2], n[i + 3]});
  return boxes;
}

}  // namespace image
