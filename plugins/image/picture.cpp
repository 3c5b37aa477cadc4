#include "wrap.h"

namespace image {
namespace {

// Longer chains are computed on the way: computing recurses.
constexpr int max_depth = 8;

std::string described(const mrun::tensor &t) {
  std::string s = "a tensor of " + std::to_string(t.dim()) + " dimensions (";
  for (int32_t i = 0; i < t.dim(); ++i) s += (i ? " x " : "") + std::to_string(t.size(i));
  return s + ")";
}

[[noreturn]] void not_an_image(const std::string &what) {
  bad_argument("image is " + what +
               "; wanted an image: uint8 (1 to 4 channels) or float32, height x width x channels, on the "
               "CPU");
}

const char *kind_name(mrun_kind kind) {
  switch (kind) {
    case MRUN_NIL: return "nil";
    case MRUN_BOOL: return "a boolean";
    case MRUN_INT:
    case MRUN_FLOAT: return "a number";
    case MRUN_STRING: return "a string";
    case MRUN_LIST: return "a list";
    case MRUN_MAP: return "a table";
    case MRUN_FUNCTION: return "a function";
    default: return "something else";
  }
}

Shape shape_of(const mrun::tensor &t) {
  if (!t.on_cpu()) not_an_image("a tensor on another device");
  if (t.dim() != 2 && t.dim() != 3) not_an_image(described(t));
  Shape shape;
  if (t.is(mrun::float32))
    shape.type = Type::f32;
  else if (!t.is(mrun::uint8))
    not_an_image("a tensor of another dtype");
  const int64_t channels = t.dim() == 3 ? t.size(2) : 1;
  if (channels < 1 || channels > (shape.type == Type::u8 ? 4 : 512)) not_an_image(described(t));
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
  if (!mrun::kind<Image>::is(argument.get())) not_an_image(kind_name(argument.kind()));
  const Image &image = mrun::kind<Image>::from(call, argument.get());
  if (image.node) return {image.node, true};
  return picture_of(call, image.tensor);
}

mrun::tensor new_tensor(const mrun::call &call, const Shape &shape) {
  check_size("the result", shape.height, shape.width, Error::Code::argument);
  return mrun::tensor::empty(call, shape.type == Type::u8 ? mrun::uint8 : mrun::float32,
                             {shape.height, shape.width, shape.channels});
}

Canvas canvas_of(const mrun::tensor &t) {
  const Shape shape{int(t.size(0)), int(t.size(1)), int(t.size(2)), t.is(mrun::uint8) ? Type::u8 : Type::f32};
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
