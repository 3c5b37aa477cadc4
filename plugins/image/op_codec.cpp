// Files to pixels and back.
#include <cstring>

#include "encode.h"
#include "operations.h"

// In a namespace of their own, so that each name means one function.
namespace image::operations {
namespace {

value decode(call &c, const value &bytes, std::string_view mode, bool exif) {
  return guarded([&]() -> value {
    const Mode m = mode_by_name(mode);
    if (mrun::kind<Image>::is(bytes.get())) return bytes;
    if (bytes.kind() != MRUN_TENSOR) bad_argument("bytes is " + mrun::came_text(bytes) + "; wanted a file or an image");
    const tensor given = bytes.to<tensor>(c);
    if (given.on_cpu() && given.is(mrun::uint8) && given.dim() == 3) return bytes;
    if (!given.on_cpu() || !given.is(mrun::uint8) || given.dim() != 1)
      bad_argument("bytes is " + mrun::came_text(bytes) +
                   "; wanted 1-D uint8 (a file), or uint8, height x width x channels");
    const auto owner = std::make_shared<mrun::bytes>(c, bytes, "bytes");
    HostContext context(c);
    auto decoder = open_image(context, owner->data(), owner->size());
    const int orientation = exif || decoder->always_oriented() ? decoder->orientation() : 1;
    NodePtr node = decode_node(std::move(decoder), m, owner);
    if (orientation != 1) node = orient_node(std::move(node), orientation);
    // Integers of 32 bits are no image to the other operations: they are a tensor at once.
    return result(c, std::move(node), given.readonly() && type_of(m) != Type::i32);
  });
}

tensor encode(call &c, const value &image, std::string_view format, int64_t quality) {
  return guarded([&] {
    const Picture p = picture(c, image);
    want_u8(p);
    const bool jpeg = format == "jpeg" || format == "jpg";
    if (!jpeg && format != "png") bad_argument("format is \"" + shown(format) + "\"; wanted png or jpeg");
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

}  // namespace
}  // namespace image::operations

namespace image {

void add_codec(const mrun::registrar &r) {
  r.op<operations::decode>(
      "image.decode@1(Any bytes, *, str mode='RGB', bool exif=False) -> Any",
      "The pixels of a JPEG, PNG, WebP, BMP, GIF (first frame), TIFF or PNM, as Pillow gives them.");
  r.op<operations::encode>("image.encode@1(Any image, str format='png', *, int quality=75) -> Tensor",
                           "The bytes of a PNG or JPEG file.");
}

}  // namespace image
