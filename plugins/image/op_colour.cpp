// Values and colour spaces.
#include <algorithm>
#include <atomic>
#include <mrun/message.hpp>

#include "colour.h"
#include "operations.h"
#include "tofloat.h"

// In a namespace of their own, so that each name means one function.
namespace image::operations {
namespace {

// Means of values to 255 lie far above uint8's, which become 0 to 1: it is no error, so that old bundles keep their answers,
// and told once a process.
void doubt_scale(const call &c, const Picture &p, const Normalization &n) {
  static std::atomic<bool> told{false};
  const bool large = std::any_of(n.mean.begin(), n.mean.end(), [](double mean) { return mean > 1; });
  if (!large || p.shape().type != Type::u8 || told.exchange(true)) return;
  c.log(2,
        "image.normalize: a mean is above 1, and uint8 is divided by 255 before the mean is taken off; divide mean and "
        "std by 255, or give float values: img:float()");
}

tensor float_tensor(call &c, const value &image, const Normalization &n) {
  return guarded([&] {
    const Picture p = picture(c, image);
    const Shape &s = p.shape();
    if (!n.mean.empty() || !n.std.empty()) check(n, s.channels);
    doubt_scale(c, p, n);
    check_size("the result", s.height, s.width, Error::Code::argument);
    tensor t = tensor::empty(c, mrun::float32, {s.channels, s.height, s.width});
    HostContext context(c);
    to_float(whole(context, p).view, n, t.data<float>());
    return t;
  });
}

tensor to_float(call &c, const value &image) { return float_tensor(c, image, {}); }

tensor normalize(call &c, const value &image, const Floats &mean, const Floats &std) {
  if (mean.empty() || std.empty())
    throw mrun::error(MRUN_ARGUMENT, "mean or std is empty; wanted one number a channel");
  return float_tensor(c, image, {mean, std});
}

tensor convert(call &c, const value &image, std::string_view to, std::optional<std::string_view> from) {
  return guarded([&] {
    const Picture p = picture(c, image);
    want_u8(p);
    const Space target = space_by_name(to),
                source = from ? space_by_name(*from) : space_of_channels(p.shape().channels);
    if (channels_of(source) != p.shape().channels)
      bad_argument("the image has " + mrun::counted(p.shape().channels, "channel") + "; " + std::string(*from) +
                   " has " + std::to_string(channels_of(source)));
    Shape shape = p.shape();
    shape.channels = channels_of(target);
    tensor t = new_tensor(c, shape);
    HostContext context(c);
    convert(context, whole(context, p).view, source, target, canvas_of(t));
    return t;
  });
}

}  // namespace
}  // namespace image::operations

namespace image {

void add_colour(const mrun::registrar &r) {
  r.op<operations::to_float>("image.to_float@1(Any image) -> Tensor", "float32, channels first, divided by 255.");
  r.op<operations::normalize>("image.normalize@1(Any image, float[] mean, float[] std) -> Tensor",
                              "to_float, then (x - mean) / std for each channel, as torchvision's Normalize.");
  r.op<operations::convert>("image.convert@1(Any image, str to, *, str? from=None) -> Tensor",
                            "Another colour space: L, LA, RGB, RGBA, BGR, HSV, YCbCr, LAB.");
}

}  // namespace image
