// Turned and warped.
#include <cmath>
#include <mrun/message.hpp>

#include "operations.h"
#include "warp.h"

// In a namespace of their own, so that each name means one function.
namespace image::operations {
namespace {

Filter warp_filter(std::string_view name) {
  const Filter f = filter_by_name(name);
  if (f != Filter::nearest && f != Filter::bilinear && f != Filter::bicubic)
    bad_argument("filter is \"" + std::string(name) + "\"; a rotation or warp wants nearest, bilinear or bicubic");
  return f;
}

tensor rotate(call &c, const value &image, double degrees, std::string_view filter, bool expand,
              const std::optional<Floats> &center, const std::optional<Floats> &fill) {
  return guarded([&] {
    const Picture p = picture(c, image);
    const Filter f = warp_filter(filter);
    std::optional<std::array<double, 2>> centre;
    if (center) {
      if (center->size() != 2)
        bad_argument("center has " + mrun::counted(center->size(), "number") + "; wanted {x, y}");
      for (double v : *center)
        if (!std::isfinite(v)) bad_argument("center holds " + number(v) + "; wanted finite numbers");
      centre = {(*center)[0], (*center)[1]};
    }
    const Rotation r = rotation(p.shape().height, p.shape().width, degrees, expand, centre);
    tensor t = new_tensor(c, Shape{r.height, r.width, p.shape().channels, p.shape().type});
    HostContext context(c);
    rotate(context, whole(context, p).view, r, f, colour(c, "image.rotate: a fill", p, fill, 0), canvas_of(t));
    return t;
  });
}

tensor warp(call &c, const value &image, const Floats &matrix, const Ints &size, std::string_view filter,
            const std::optional<Floats> &fill) {
  return guarded([&] {
    const Picture p = picture(c, image);
    const Filter f = warp_filter(filter);
    if (matrix.size() != 6 && matrix.size() != 8)
      bad_argument("matrix has " + mrun::counted(matrix.size(), "number") + "; wanted 6 (affine) or 8 (perspective)");
    Warp w;
    w.perspective = matrix.size() == 8;
    for (size_t i = 0; i < matrix.size(); ++i) {
      if (!std::isfinite(matrix[i])) bad_argument("matrix holds a number that is not finite");
      w.m[i] = matrix[i];
    }
    const Size out = pair("size", size);
    tensor t = new_tensor(c, Shape{out.height, out.width, p.shape().channels, p.shape().type});
    HostContext context(c);
    warp(context, whole(context, p).view, w, f, colour(c, "image.warp: a fill", p, fill, 0), canvas_of(t));
    return t;
  });
}

}  // namespace
}  // namespace image::operations

namespace image {

void add_warp(const mrun::registrar &r) {
  r.op<operations::rotate>(
      "image.rotate@1(Any image, float degrees, *, str filter='nearest', bool expand=False, "
      "float[]? center=None, float[]? fill=None) -> Tensor",
      "Counter-clockwise, as Pillow's rotate.");
  r.op<operations::warp>(
      "image.warp@1(Any image, float[] matrix, int[] size, *, str filter='bilinear', "
      "float[]? fill=None) -> Tensor",
      "Affine (6 numbers) or perspective (8) map from the result to the source, as Pillow's transform.");
}

}  // namespace image
