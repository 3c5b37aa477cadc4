// The operations of the plugin image: arguments checked and turned into calls of the library. image.md is the page.
#include <cmath>
#include <cstring>

#include "colour.h"
#include "draw.h"
#include "encode.h"
#include "sizes.h"
#include "tofloat.h"
#include "warp.h"
#include "wrap.h"

using mrun::call;
using mrun::tensor;
using mrun::value;

// In a namespace of their own, so that each name below means one function.
namespace image::operations {
namespace {

using Ints = std::vector<int64_t>;
using Floats = std::vector<double>;

Size size_of_pair(const Ints &size) {
  const int64_t h = size[0], w = size[size.size() == 1 ? 0 : 1];
  check_size("the result", h, w, Error::Code::argument);
  return {int(h), int(w)};
}

// n (a square) or {height, width}.
Size pair(const char *name, const Ints &size) {
  if (size.size() != 1 && size.size() != 2)
    bad_argument(std::string(name) + " has " + std::to_string(size.size()) + " numbers; wanted n or {height, width}");
  return size_of_pair(size);
}

Colour colour(const std::optional<Floats> &value, double otherwise) { return value ? *value : Colour{otherwise}; }

int small(const char *name, int64_t v) {
  if (v < -max_side || v > max_side) bad_argument(std::string(name) + " is " + std::to_string(v) + ", out of range");
  return int(v);
}

void want_u8(const Picture &p) {
  if (p.shape().type != Type::u8) bad_argument("image is float32; wanted uint8");
}

// The whole of a picture, for operations that read all of it.
Node::Part whole(HostContext &context, const Picture &p) { return p.node->part(context, Rect::whole(p.shape())); }

// ---- decode, encode

value decode(call &c, const value &bytes, std::string_view mode, bool exif) {
  return guarded([&]() -> value {
    const Mode m = mode_by_name(mode);
    if (mrun::kind<Image>::is(bytes.get())) return bytes;
    if (bytes.kind() != MRUN_TENSOR) bad_argument("bytes is not a tensor; wanted the bytes of a file, or an image");
    const tensor given = bytes.to<tensor>(c);
    if (given.on_cpu() && given.is(mrun::uint8) && given.dim() == 3) return bytes;
    if (!given.on_cpu() || !given.is(mrun::uint8) || given.dim() != 1)
      bad_argument("bytes is a tensor of another kind; wanted 1-D uint8 (a file), or uint8, height x width x channels");
    const auto owner = std::make_shared<tensor>(given.contiguous(c));
    HostContext context(c);
    auto decoder = open_image(context, owner->data<const uint8_t>(), size_t(owner->numel()));
    const int orientation = exif || decoder->always_oriented() ? decoder->orientation() : 1;
    NodePtr node = decode_node(std::move(decoder), m, owner);
    if (orientation != 1) node = orient_node(std::move(node), orientation);
    return result(c, std::move(node), given.readonly());
  });
}

tensor encode(call &c, const value &image, std::string_view format, int64_t quality) {
  return guarded([&] {
    const Picture p = picture(c, image);
    want_u8(p);
    const bool jpeg = format == "jpeg" || format == "jpg";
    if (!jpeg && format != "png")
      bad_argument("format is \"" + std::string(format.substr(0, 40)) + "\"; wanted png or jpeg");
    if (quality < 1 || quality > 100) bad_argument("quality is " + std::to_string(quality) + "; wanted 1 to 100");
    if (jpeg && p.shape().channels != 1 && p.shape().channels != 3)
      bad_argument("the image has " + std::to_string(p.shape().channels) +
                   " channels; a JPEG has 1 or 3 (convert it first)");
    HostContext context(c);
    const Node::Part pixels = whole(context, p);
    const std::vector<uint8_t> bytes =
        jpeg ? encode_jpeg(context, pixels.view, int(quality)) : encode_png(context, pixels.view);
    tensor t = tensor::empty(c, mrun::uint8, {int64_t(bytes.size())});
    std::memcpy(t.data<uint8_t>(), bytes.data(), bytes.size());
    t.media(c, jpeg ? "image/jpeg" : "image/png");
    return t;
  });
}

// ---- sizes

value resize(call &c, const value &image, const Ints &size, std::string_view filter, std::optional<int64_t> max_size,
             bool antialias, std::optional<double> reducing_gap) {
  return guarded([&]() -> value {
    const Picture p = picture(c, image);
    const Filter f = filter_by_name(filter);
    const Size in{p.shape().height, p.shape().width};
    if (max_size && size.size() != 1) bad_argument("max_size goes with size n, not with {height, width}");
    const Size out = size.size() == 1 ? shorter_side(in, size[0], max_size) : pair("size", size);
    if (reducing_gap && !(*reducing_gap >= 1.0)) bad_argument("reducing_gap is less than 1; wanted at least 1");
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
      bad_argument("direction is \"" + std::string(direction.substr(0, 40)) + "\"; wanted horizontal or vertical");
    return result(c, flip_node(p.node, direction == "horizontal"), p.constant);
  });
}

tensor pad(call &c, const value &image, const Ints &padding, const std::optional<Floats> &value) {
  return guarded([&] {
    const Picture p = picture(c, image);
    // n, {left and right, top and bottom} or {left, top, right, bottom}.
    if (padding.size() != 1 && padding.size() != 2 && padding.size() != 4)
      bad_argument("padding has " + std::to_string(padding.size()) + " numbers; wanted {left, top, right, bottom}");
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
    fill(canvas_of(t), colour(value, 0));
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
    fill(canvas_of(t), colour(value, 114));
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

// ---- boxes

// A tensor [n, 4] or a list of lists of four numbers: left, top, right, bottom.
std::vector<Box> boxes_of(const call &c, const value &v) {
  std::vector<Box> boxes;
  auto bad = [] {
    bad_argument("boxes is something else; wanted a tensor [n, 4], or a list of {left, top, right, bottom}");
  };
  if (v.kind() == MRUN_LIST) {
    for (size_t i = 0; i < v.get().as.list.size; ++i) {
      const mrun_value &item = v.get().as.list.items[i];
      if (!mrun::kind<Floats>::is(item)) bad();
      const Floats n = mrun::kind<Floats>::from(c, item);
      if (n.size() != 4) bad();
      boxes.push_back({n[0], n[1], n[2], n[3], {}, 0});
    }
  } else {
    if (v.kind() != MRUN_TENSOR) bad();
    const tensor t = v.to<tensor>(c).contiguous(c);
    const bool known = t.is(mrun::float32) || t.is(mrun::float64) || t.is(mrun::int64) || t.is(mrun::int32);
    if (t.dim() != 2 || t.size(1) != 4 || !known || !t.on_cpu()) bad();
    auto at = [&](int64_t i) {
      if (t.is(mrun::float32)) return double(t.data<float>()[i]);
      if (t.is(mrun::float64)) return t.data<double>()[i];
      return t.is(mrun::int64) ? double(t.data<int64_t>()[i]) : double(t.data<int32_t>()[i]);
    };
    for (int64_t i = 0; i < t.size(0); ++i)
      boxes.push_back({at(i * 4), at(i * 4 + 1), at(i * 4 + 2), at(i * 4 + 3), {}, 0});
  }
  for (const Box &b : boxes)
    for (double x : {b.left, b.top, b.right, b.bottom})
      if (!std::isfinite(x)) bad_argument("boxes holds a number that is not finite");
  return boxes;
}

tensor crop_resize(call &c, const value &image, const value &boxes, const Ints &size, std::string_view filter) {
  return guarded([&] {
    const Picture p = picture(c, image);
    const Filter f = filter_by_name(filter);
    const Size out = pair("size", size);
    const std::vector<Box> list = boxes_of(c, boxes);
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

// "cat 0.93" and "cat 0.41" are of one colour.
std::string without_score(const std::string &label) {
  const size_t end = label.find_last_not_of("0123456789.,% ");
  return label.substr(0, end == std::string::npos ? label.size() : end + 1);
}

tensor draw_boxes(call &c, const value &image, const value &boxes,
                  const std::optional<std::vector<std::string>> &labels, int64_t line) {
  return guarded([&] {
    const Picture p = picture(c, image);
    want_u8(p);
    if (p.shape().channels == 2) bad_argument("the image has 2 channels; wanted 1, 3 or 4");
    if (line < 0 || line > 1000) bad_argument("line is " + std::to_string(line) + "; wanted 0 to 1000");
    std::vector<Box> list = boxes_of(c, boxes);
    if (labels && labels->size() != list.size())
      bad_argument("there are " + std::to_string(labels->size()) + " labels; wanted " + std::to_string(list.size()) +
                   ", one a box");
    std::map<std::string, int> colours;
    for (size_t i = 0; labels && i < list.size(); ++i) {
      list[i].label = (*labels)[i].substr(0, 200);
      list[i].colour = colours.emplace(without_score(list[i].label), int(colours.size())).first->second;
    }
    tensor t = new_tensor(c, p.shape());
    HostContext context(c);
    p.node->write(context, canvas_of(t));
    draw_boxes(canvas_of(t), list, int(line));
    return t;
  });
}

// ---- values

tensor float_tensor(call &c, const value &image, const Normalization &n) {
  return guarded([&] {
    const Picture p = picture(c, image);
    const Shape &s = p.shape();
    if (!n.mean.empty() || !n.std.empty()) check(n, s.channels);
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
      bad_argument("the image has " + std::to_string(p.shape().channels) + " channels; " + std::string(*from) +
                   " has " + std::to_string(channels_of(source)));
    Shape shape = p.shape();
    shape.channels = channels_of(target);
    tensor t = new_tensor(c, shape);
    HostContext context(c);
    convert(context, whole(context, p).view, source, target, canvas_of(t));
    return t;
  });
}

// ---- warps

tensor rotate(call &c, const value &image, double degrees, std::string_view filter, bool expand,
              const std::optional<Floats> &center, const std::optional<Floats> &fill) {
  return guarded([&] {
    const Picture p = picture(c, image);
    const Filter f = filter_by_name(filter);
    std::optional<std::array<double, 2>> centre;
    if (center) {
      if (center->size() != 2 || !std::isfinite((*center)[0]) || !std::isfinite((*center)[1]))
        bad_argument("center is something else; wanted {x, y}");
      centre = {(*center)[0], (*center)[1]};
    }
    const Rotation r = rotation(p.shape().height, p.shape().width, degrees, expand, centre);
    tensor t = new_tensor(c, Shape{r.height, r.width, p.shape().channels, p.shape().type});
    HostContext context(c);
    rotate(context, whole(context, p).view, r, f, colour(fill, 0), canvas_of(t));
    return t;
  });
}

tensor warp(call &c, const value &image, const Floats &matrix, const Ints &size, std::string_view filter,
            const std::optional<Floats> &fill) {
  return guarded([&] {
    const Picture p = picture(c, image);
    const Filter f = filter_by_name(filter);
    if (matrix.size() != 6 && matrix.size() != 8)
      bad_argument("matrix has " + std::to_string(matrix.size()) + " numbers; wanted 6 (affine) or 8 (perspective)");
    Warp w;
    w.perspective = matrix.size() == 8;
    for (size_t i = 0; i < matrix.size(); ++i) {
      if (!std::isfinite(matrix[i])) bad_argument("matrix holds a number that is not finite");
      w.m[i] = matrix[i];
    }
    const Size out = pair("size", size);
    tensor t = new_tensor(c, Shape{out.height, out.width, p.shape().channels, p.shape().type});
    HostContext context(c);
    warp(context, whole(context, p).view, w, f, colour(fill, 0), canvas_of(t));
    return t;
  });
}

}  // namespace
}  // namespace image::operations

namespace operations = image::operations;
extern const char mrun_lua_image[];

MRUN_PLUGIN("image", "1.0.0", "Images: decode, resize as Pillow does, crop, normalize, draw, encode", mrun_lua_image,
            "Apache-2.0") {
  type<image::Image>();
  op<operations::decode>("image.decode@1(Any bytes, *, str mode='RGB', bool exif=False) -> Any",
                         "The pixels of a JPEG, PNG, WebP, BMP, GIF (first frame) or TIFF, as Pillow gives them.");
  op<operations::encode>("image.encode@1(Any image, str format='png', *, int quality=75) -> Tensor",
                         "The bytes of a PNG or JPEG file.");
  op<operations::resize>(
      "image.resize@1(Any image, int[] size, *, str filter='bilinear', int? max_size=None, "
      "bool antialias=True, float? reducing_gap=None) -> Any",
      "Another size; the pixels equal Pillow's.");
  op<operations::center_crop>("image.center_crop@1(Any image, int[] size) -> Any",
                              "The middle, by torchvision's rule; zeros where the image is smaller.");
  op<operations::crop>("image.crop@1(Any image, int top, int left, int height, int width) -> Any",
                       "A rectangle; zeros beyond the edge.");
  op<operations::flip>("image.flip@1(Any image, str direction='horizontal') -> Any", "Mirrored.");
  op<operations::pad>("image.pad@1(Any image, int[] padding, float[]? value=None) -> Tensor",
                      "A border: {left, top, right, bottom}.");
  op<operations::letterbox>(
      "image.letterbox@1(Any image, int[] size, *, int stride=0, float[]? value=None, "
      "bool scale_up=True, str filter='bilinear', bool antialias=False) -> (Tensor, float, int, int)",
      "Fitted into a size with a border, by Ultralytics' rule: image, scale, left, top.");
  op<operations::crop_resize>(
      "image.crop_resize@1(Any image, Any boxes, int[] size, *, str filter='bilinear') -> Tensor",
      "Many boxes of one image, each resized: [n, height, width, channels].");
  op<operations::draw_boxes>("image.draw_boxes@1(Any image, Any boxes, str[]? labels=None, *, int line=0) -> Tensor",
                             "A copy with boxes and labels.");
  op<operations::to_float>("image.to_float@1(Any image) -> Tensor", "float32, channels first, divided by 255.");
  op<operations::normalize>("image.normalize@1(Any image, float[] mean, float[] std) -> Tensor",
                            "to_float, then (x - mean) / std for each channel, as torchvision's Normalize.");
  op<operations::convert>("image.convert@1(Any image, str to, *, str? from=None) -> Tensor",
                          "Another colour space: L, LA, RGB, RGBA, BGR, HSV, YCbCr, LAB.");
  op<operations::rotate>(
      "image.rotate@1(Any image, float degrees, *, str filter='nearest', bool expand=False, "
      "float[]? center=None, float[]? fill=None) -> Tensor",
      "Counter-clockwise, as Pillow's rotate.");
  op<operations::warp>(
      "image.warp@1(Any image, float[] matrix, int[] size, *, str filter='bilinear', "
      "float[]? fill=None) -> Tensor",
      "Affine (6 numbers) or perspective (8) map from the result to the source, as Pillow's transform.");
}
