#include "ops.h"

#include "utf8.h"

namespace text {
namespace {

int64_t element(const mrun::tensor &t, int64_t i) {
  const char *at = t.data<const char>() + i * t.stride(0) * int64_t(t.item_size());
  auto read = [&](auto x) {
    std::memcpy(&x, at, sizeof x);
    return int64_t(x);
  };
  if (t.is(mrun::int64)) return read(int64_t{});
  if (t.is(mrun::int32)) return read(int32_t{});
  if (t.is(mrun::int16)) return read(int16_t{});
  if (t.is(mrun::uint8)) return read(uint8_t{});
  throw mrun::error(MRUN_ARGUMENT, "ids: wanted a tensor of int64, int32, int16 or uint8");
}

}  // namespace

mrun::error host_error(const Error &e) {
  const int code = e.code == Error::Code::input      ? MRUN_INPUT
                   : e.code == Error::Code::argument ? MRUN_ARGUMENT
                                                     : MRUN_INTERNAL;
  return {code, e.text};
}

Tokens to_tokens(const mrun::call &c, const Encoding &e) {
  auto offsets = mrun::tensor::empty(c, mrun::int64, {int64_t(e.offsets.size()), 2});
  auto *at = offsets.data<int64_t>();
  for (const Offsets &o : e.offsets) {
    *at++ = o.begin;
    *at++ = o.end;
  }
  return {ids_tensor(c, e.ids), ids_tensor(c, e.types), std::move(offsets), e.pieces};
}

std::vector<int64_t> ids_of(const mrun::call &c, const mrun::value &v) {
  if (v.kind() == MRUN_LIST) return v.to<std::vector<int64_t>>(c);
  if (v.kind() != MRUN_TENSOR) throw mrun::error(MRUN_ARGUMENT, "ids: wanted a 1-D tensor or a list of integers");
  auto t = v.to<mrun::tensor>(c);
  if (t.dim() != 1 || !t.on_cpu()) throw mrun::error(MRUN_ARGUMENT, "ids: wanted a 1-D tensor on the CPU");
  std::vector<int64_t> ids(size_t(t.numel()));
  for (size_t i = 0; i < ids.size(); ++i) ids[i] = element(t, int64_t(i));
  return ids;
}

std::string_view bytes_of(const mrun::tensor &t, const char *operation) {
  if (!t.is(mrun::uint8) || t.dim() != 1 || !t.on_cpu() || !t.is_contiguous())
    throw mrun::error(MRUN_ARGUMENT, std::string(operation) + ": wanted bytes, a 1-D uint8 tensor");
  return {t.data<const char>(), size_t(t.numel())};
}

OffsetUnit offset_unit(std::string_view name) {
  if (name == "char") return OffsetUnit::character;
  if (name == "byte") return OffsetUnit::byte;
  throw mrun::error(MRUN_ARGUMENT, "unit: wanted \"char\" or \"byte\", got \"" + std::string(name) + '"');
}

void admit(const mrun::call &c, std::string_view text, int64_t per_byte) {
  require_utf8(text, "the text");
  constexpr size_t unannounced = 1024;  // what is this small needs no budget
  if (text.size() > unannounced) c.charge(int64_t(text.size()) * per_byte);
}

}  // namespace text
