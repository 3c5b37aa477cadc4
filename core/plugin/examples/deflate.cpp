// A plugin in C++ over a library of someone else, zlib: packs bytes and unpacks them, inside the item's budget.
#include <zlib.h>
#include <mrun/plugin.hpp>
#include <mrun/plugin_kit.hpp>

#include <cstring>

namespace {

mrun::tensor bytes_of(const mrun::call &c, const std::vector<uint8_t> &data) {
  mrun::tensor out = mrun::tensor::empty(c, mrun::uint8, {static_cast<int64_t>(data.size())});
  if (!data.empty()) std::memcpy(out.data(), data.data(), data.size());
  return out;
}

mrun::tensor pack(const mrun::call &c, mrun::value data, int64_t level) {
  const mrun::bytes in(c, data, "deflate.pack: data");
  if (level < 0 || level > 9) throw mrun::error(MRUN_ARGUMENT, "deflate.pack: level: want 0 to 9");
  uLongf size = compressBound(in.size());
  c.charge(static_cast<int64_t>(size));
  std::vector<uint8_t> out(size);
  if (compress2(out.data(), &size, in.data(), in.size(), static_cast<int>(level)) != Z_OK) throw std::bad_alloc();
  out.resize(size);
  return bytes_of(c, out);
}

// What strangers packed may grow a thousandfold: each piece is announced before it is made.
mrun::tensor unpack(const mrun::call &c, mrun::value data) {
  constexpr size_t piece = 1 << 16;
  const mrun::bytes in(c, data, "deflate.unpack: data");
  z_stream z{};
  if (inflateInit(&z) != Z_OK) throw std::bad_alloc();
  const std::unique_ptr<z_stream, int (*)(z_stream *)> owner(&z, inflateEnd);
  z.next_in = const_cast<Bytef *>(in.data());
  z.avail_in = static_cast<uInt>(in.size());
  std::vector<uint8_t> out;
  int state = Z_OK;
  while (state == Z_OK) {
    c.poll();
    c.charge(piece);
    out.resize(out.size() + piece);
    z.next_out = out.data() + out.size() - piece;
    z.avail_out = piece;
    state = inflate(&z, Z_NO_FLUSH);
  }
  if (state != Z_STREAM_END) throw mrun::error(MRUN_INPUT, "deflate.unpack: data: is not whole, or no zlib stream");
  out.resize(out.size() - z.avail_out);
  return bytes_of(c, out);
}

}  // namespace

MRUN_PLUGIN("deflate", "1.0.0", "Packs bytes with zlib.") {
  op<pack>("deflate.pack@1(Any data, int level=6) -> Tensor", "The bytes of a tensor or string as a zlib stream.");
  op<unpack>("deflate.unpack@1(Any data) -> Tensor", "The bytes in a zlib stream.");
}
