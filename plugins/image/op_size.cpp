// Other sizes: resampled, cut, padded.
#include <algorithm>
#include <cmath>
#include <mrun/message.hpp>

#include "operations.h"
#include "sizes.h"

// In a namespace of their own, so that each name means one function.
namespace image::operations {
namespace {

int small(const char *name, int64_t v) {
  if (v < -max_side || v > max_side)
    bad_argument(std::string(name) + " is " + std::to_string(v) + "; wanted at most " + std::to_string(max_side) +
                 " to either side");
  return int(v);
}

value resize(call &c, const value &image, const Ints &size, std::string_view filter, std::optional<int64_t> max_size,
             bool antialias, std::optional<double> reducing_gap) {
  return guarded([&]() -> value {
    const Picture p = picture(c, image);
    const Filter f = filter_by_name(filter);
    const Size in{p.shape().height, p.shape().width};
    if (max_size && size.size() != 1) bad_argument("max_size goes with size n, not with {height, width}");
    const Size out = size.size() == 1 ? shorter_side(in, size[0], max_size) : pair("size", size);
    if (reducing_gap && !(*reducing_gap >= 1.0))
      bad_argument("reducing_gap is " + number(*reducing_gap) + "; wanted at least 1");
    if (!antialias && f != Filter::bilinear && f != Filter::nearest)
      bad_argument("antialias = false goes with filter bilinear; wanted that or nearest");
    if (antialias && !reducing_gap) return result(c, resize_node(p.node, out.height, out.width, f), p.constant);
    Shape shape = p.shape();
    shape.height = out.height;
    shape.width = out.width;
    tensor t = new_tensor(c, shape);
    HostContext context(c);
    const Node::Part pixels = whole(context, p);
    if (antialias || f == Filter::nearest)
      resize(context, pixels.view, canvas_of(t), f, reducing_gap.value_or(0));
    else
      resize_linear(pixels.view, canvas_of(t));
    return t;
  });
}

value center_crop(call &c, const value &image, const Ints &size) {
  return guarded([&] {
    const Picture p = picture(c, image);
    const Rect rect = center_crop(Size{p.shape().height, p.shape().width}, pair("size", size));
    return result(c, crop_node("image.center_crop", p.node, rect), p.constant);
  });
}

value crop(call &c, const value &image, int64_t top, int64_t left, int64_t height, int64_t width) {
  return guarded([&] {
    const Picture p = picture(c, image);
    check_size("the result", height, width, Error::Code::argument);
    const Rect rect{small("top", top), small("left", left), int(height), int(width)};
    return result(c, crop_node("image.crop", p.node, rect), p.constant);
  });
}

value flip(call &c, const value &image, std::string_view direction) {
  return guarded([&] {
    const Picture p = picture(c, image);
    if (direction != "horizontal" && direction != "vertical")
      bad_argument("direction is \"" + shown(direction) + "\"; wanted horizontal or vertical");
    return result(c, flip_node(p.node, direction == "horizontal"), p.constant);
  });
}

tensor pad(call &c, const value &image, const Ints &padding, const std::optional<Floats> &value) {
  return guarded([&] {
    const Picture p = picture(c, image);
    // n, {left and right, top and bottom} or {left, top, right, bottom}.
    if (padding.size() != 1 && padding.size() != 2 && padding.size() != 4)
      bad_argument("padding has " + mrun::counted(padding.size(), "number") + "; wanted {left, top, right, bottom}");
    int side[4];
    for (size_t i = 0; i < 4; ++i) {
      side[i] = small("padding", padding[i % padding.size()]);
      if (side[i] < 0) bad_argument("padding is negative; crop the image instead");
    }
    Shape shape = p.shape();
    check_size("the result", int64_t{shape.height} + side[1] + side[3], int64_t{shape.width} + side[0] + side[2],
               Error::Code::argument);
    const Rect inside{side[1], side[0], shape.height, shape.width};
    shape.height += side[1] + side[3];
    shape.width += side[0] + side[2];
    tensor t = new_tensor(c, shape);
    fill(canvas_of(t), colour(c, "image.pad: a value", p, value, 0));
    HostContext context(c);
    copy(whole(context, p).view, canvas_of(t).part(inside));
    return t;
  });
}

std::tuple<tensor, double, int64_t, int64_t> letterbox(call &c, const value &image, const Ints &size, int64_t stride,
                                                       const std::optional<Floats> &value, bool scale_up,
                                                       std::string_view filter, bool antialias) {
  return guarded([&] {
    const Picture p = picture(c, image);
    const Filter f = filter_by_name(filter);
    if (stride < 0 || stride > max_side) bad_argument("stride is " + std::to_string(stride) + "; wanted 0 or more");
    if (!antialias && f != Filter::bilinear) bad_argument("antialias = false goes with filter bilinear");
    const Letterbox box = letterbox(Size{p.shape().height, p.shape().width}, pair("size", size), stride, scale_up);
    Shape shape = p.shape();
    shape.height = box.out.height;
    shape.width = box.out.width;
    tensor t = new_tensor(c, shape);
    fill(canvas_of(t), colour(c, "image.letterbox: a value", p, value, 114));
    HostContext context(c);
    const Canvas inside = canvas_of(t).part(box.inside);
    const Node::Part pixels = whole(context, p);
    if (antialias)
      resize(context, pixels.view, inside, f);
    else
      resize_linear(pixels.view, inside);
    return std::tuple{std::move(t), box.scale, int64_t{box.inside.left}, int64_t{box.inside.top}};
  });
}

tensor crop_resize(call &c, const value &image, const value &boxes, const Ints &size, std::string_view filter) {
  return guarded([&] {
    const Picture p = picture(c, image);
    const Filter f = filter_by_name(filter);
    const Size out = pair("size", size);
    const std::vector<Edges> list = boxes_of(c, boxes);
    const Shape one{out.height, out.width, p.shape().channels, p.shape().type};
    if (int64_t(list.size()) > max_pixels / one.pixels()) bad_argument("the result has more than 2^28 pixels");
    tensor t = tensor::empty(c, one.type == Type::u8 ? mrun::uint8 : mrun::float32,
                             {int64_t(list.size()), out.height, out.width, one.channels});
    HostContext context(c);
    if (list.empty()) return t;
    const Node::Part pixels = whole(context, p);
    for (size_t i = 0; i < list.size(); ++i) {
      const float w = float(pixels.view.width), h = float(pixels.view.height);
      auto inside = [](double v, float limit) { return std::min(std::max(float(v), 0.0f), limit); };
      const float box[4] = {inside(list[i].left, w), inside(list[i].top, h), inside(list[i].right, w),
                            inside(list[i].bottom, h)};
      if (!(box[2] > box[0] && box[3] > box[1]))
        bad_argument("box " + std::to_string(i) + " holds no part of the image; wanted left < right and top < bottom");
      resize_box(context, pixels.view, box, Canvas(one, t.data<uint8_t>() + i * one.bytes()), f);
    }
    return t;
  });
}

}  // namespace
}  // namespace image::operations

namespace image {

void add_size(const mrun::registrar &r) {
  r.op<operations::resize>(
      "image.resize@1(Any image, int[] size, *, str filter='bilinear', int? max_size=None, "
      "bool antialias=True, float? reducing_gap=None) -> Any",
      "Another size; the pixels equal Pillow's.");
  r.op<operations::center_crop>("image.center_crop@1(Any image, int[] size) -> Any",
                                "The middle, by torchvision's rule; zeros where the image is smaller.");
  r.op<operations::crop>("image.crop@1(Any image, int top, int left, int height, int width) -> Any",
                         "A rectangle; zeros beyond the edge.");
  r.op<operations::flip>("image.flip@1(Any image, str direction='horizontal') -> Any", "Mirrored.");
  r.op<operations::pad>("image.pad@1(Any image, int[] padding, float[]? value=None) -> Tensor",
                        "A border: {left, top, right, bottom}.");
  r.op<operations::letterbox>(
      "image.letterbox@1(Any image, int[] size, *, int stride=0, float[]? value=None, "
      "bool scale_up=True, str filter='bilinear', bool antialias=False) -> (Tensor, float, int, int)",
      "Fitted into a size with a border, by Ultralytics' rule: image, scale, left, top.");
  r.op<operations::crop_resize>(
      "image.crop_resize@1(Any image, Any boxes, int[] size, *, str filter='bilinear') -> Tensor",
      "Many boxes of one image, each resized: [n, height, width, channels].");
}

}  // namespace image
