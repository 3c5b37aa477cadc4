#include "operations.h"

#include <algorithm>
#include <atomic>
#include <cmath>

namespace image {
namespace {

// It is no error, so that old bundles keep their answers, and told once a process.
void doubt_fraction(const call &c, const char *option, const Picture &p, const Colour &colour) {
  static std::atomic<bool> told{false};
  const auto fraction = std::find_if(colour.begin(), colour.end(), [](double value) { return value > 0 && value < 1; });
  if (fraction == colour.end() || p.shape().type != Type::u8 || told.exchange(true)) return;
  c.log(2, std::string(option) + " of " + number(*fraction) +
               " is 0 in a uint8 image, whose values go from 0 to 255; write " +
               std::to_string(std::lround(*fraction * 255)) + ", or give float values: img:float() / 255");
}

}  // namespace

Size pair(const char *name, const Ints &size) {
  if (size.size() != 1 && size.size() != 2)
    bad_argument(std::string(name) + " has " + std::to_string(size.size()) + " numbers; wanted n or {height, width}");
  const int64_t h = size[0], w = size.back();
  check_size("the result", h, w, Error::Code::argument);
  return {int(h), int(w)};
}

Colour colour(const call &c, const char *option, const Picture &p, const std::optional<Floats> &given,
              double otherwise) {
  if (!given) return {otherwise};
  doubt_fraction(c, option, p, *given);
  return *given;
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
