#include "picture.h"

#include <mrun/message.hpp>

namespace image {
namespace {

// Longer chains are computed on the way: computing recurses.
constexpr int max_depth = 8;

constexpr int64_t most_channels = 4;  // no mode has more

std::string described(const mrun::tensor &t) {
  std::string s = "a tensor of " + mrun::counted(t.dim(), "dimension") + " (";
  for (int32_t i = 0; i < t.dim(); ++i) s += (i ? " x " : "") + std::to_string(t.size(i));
  return s + ")";
}

[[noreturn]] void not_an_image(const mrun::value &given, bool file = false) {
  bad_argument("image is " + mrun::came_text(given) +
               "; wanted an image: uint8 or float32, height x width x channels (1 to 4), on the CPU" +
               (file ? "; image.decode(bytes) makes one of a file's bytes" : ""));
}

// Channels first is what to_float gives: taken as it is, its width would be the number of channels.
[[noreturn]] void too_many_channels(const mrun::tensor &t) {
  const bool first = t.size(0) <= most_channels;
  bad_argument("image is " + described(t) + "; wanted height x width x channels with 1 to 4 channels, not " +
               std::to_string(t.size(2)) +
               (first ? " (channels first, as to_float and normalize give it? Do this before them, or t:permute(1, 2, "
                        "0) puts them last)"
                      : ""));
}

Shape shape_of(const mrun::tensor &t) {
  const bool known = t.is(mrun::uint8) || t.is(mrun::float32);
  if (!t.on_cpu() || !known || (t.dim() != 2 && t.dim() != 3)) not_an_image(t, t.dim() == 1 && t.is(mrun::uint8));
  Shape shape;
  shape.type = t.is(mrun::uint8) ? Type::u8 : Type::f32;
  const int64_t channels = t.dim() == 3 ? t.size(2) : 1;
  if (channels < 1) not_an_image(t);
  if (channels > most_channels) too_many_channels(t);
  check_size("the image", t.size(0), t.size(1), Error::Code::argument);
  shape.height = int(t.size(0));
  shape.width = int(t.size(1));
  shape.channels = int(channels);
  return shape;
}

Picture picture_of(const mrun::call &call, const mrun::tensor &given) {
  const Shape shape = shape_of(given);
  const bool dense_rows = (given.dim() == 2 || given.stride(2) == 1 || shape.channels == 1) &&
                          (given.stride(1) == shape.channels || shape.width == 1);
  auto owner = std::make_shared<mrun::tensor>(dense_rows ? given : given.contiguous(call));
  const ptrdiff_t stride = ptrdiff_t(owner->stride(0)) * size_of(shape.type);
  const View view(shape, owner->data<const uint8_t>(), shape.height == 1 ? ptrdiff_t(shape.row_bytes()) : stride);
  return {fixed_node(view, owner), !dense_rows || given.readonly()};
}

int to_tensor(mrun_call *raw, void *self, mrun_value *out) {
  const mrun::call call(raw);
  return mrun::detail::guarded(raw, [&] {
    return guarded([&] {
      auto &image = *static_cast<Image *>(self);
      if (image.node) {
        image.tensor = computed(call, *image.node);
        image.node.reset();
      }
      *out = mrun::tensor(image.tensor).release();
      return int{MRUN_OK};
    });
  });
}

}  // namespace

std::shared_ptr<uint8_t> HostContext::allocate(size_t bytes) {
  auto buffer = call_.alloc<uint8_t>(bytes);
  return {buffer.release(), mrun::released{}};
}

Picture picture(const mrun::call &call, const mrun::value &argument) {
  if (argument.kind() == MRUN_TENSOR) return picture_of(call, argument.to<mrun::tensor>(call));
  if (!mrun::kind<Image>::is(argument.get())) not_an_image(argument);
  const Image &image = mrun::kind<Image>::from(call, argument.get());
  if (image.node) return {image.node, true};
  return picture_of(call, image.tensor);
}

static DLDataType dtype_of(Type type) {
  return type == Type::u8 ? mrun::uint8 : type == Type::i32 ? mrun::int32 : mrun::float32;
}

mrun::tensor new_tensor(const mrun::call &call, const Shape &shape) {
  check_size("the result", shape.height, shape.width, Error::Code::argument);
  return mrun::tensor::empty(call, dtype_of(shape.type), {shape.height, shape.width, shape.channels});
}

Canvas canvas_of(const mrun::tensor &t) {
  const Type type = t.is(mrun::uint8) ? Type::u8 : t.is(mrun::int32) ? Type::i32 : Type::f32;
  const Shape shape{int(t.size(0)), int(t.size(1)), int(t.size(2)), type};
  return {shape, t.data<uint8_t>()};
}

mrun::tensor computed(const mrun::call &call, Node &node) {
  mrun::tensor t = new_tensor(call, node.shape());
  HostContext context(call);
  node.write(context, canvas_of(t));
  return t;
}

mrun::value result(const mrun::call &call, NodePtr node, bool constant) {
  check_size("the result", node->shape().height, node->shape().width, Error::Code::argument);
  if (!constant || node->depth() > max_depth) return computed(call, *node);
  return mrun::value::of(call, std::make_unique<Image>(Image{std::move(node), {}}));
}

}  // namespace image

const mrun_type mrun::type_of<image::Image>::info{
    sizeof(mrun_type),
    0,
    "image.Image",
    "An image that is computed when its pixels are first needed; to a script it is a tensor.",
    [](void *self) { delete static_cast<image::Image *>(self); },
    image::to_tensor};
