#include "ops.h"

#include <algorithm>

#include "utf8.h"

namespace text {
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

mrun::tensor rows_tensor(const mrun::call &c, const std::vector<Encoding> &rows,
                         std::vector<int64_t> Encoding::*array) {
  const size_t length = rows.empty() ? 0 : rows[0].size();
  for (size_t i = 0; i < rows.size(); ++i)
    if (rows[i].size() != length)
      mrun::refuse("padding: text " + std::to_string(i + 1) + " has " + std::to_string(rows[i].size()) +
                   " tokens, text 1 has " + std::to_string(length) + "; max_length cuts those that are too long");
  auto out = mrun::tensor::empty(c, mrun::int64, {int64_t(rows.size()), int64_t(length)});
  auto *at = out.data<int64_t>();
  for (const Encoding &row : rows) at = std::copy((row.*array).begin(), (row.*array).end(), at);
  return out;
}

std::vector<int64_t> ids_of(const mrun::call &c, const mrun::value &v) {
  if (v.kind() == MRUN_TENSOR && v.to<mrun::tensor>(c).dim() != 1)
    mrun::refuse("ids: wanted a 1-D tensor or a list of integers, got " + mrun::came_text(v));
  return mrun::numbers<int64_t>(c, v, "ids");
}

OffsetUnit offset_unit(std::string_view name) {
  if (name == "char") return OffsetUnit::character;
  if (name == "byte") return OffsetUnit::byte;
  throw mrun::error(MRUN_ARGUMENT, "unit: wanted \"char\" or \"byte\", got \"" + std::string(name) + '"');
}

void admit(const mrun::call &c, std::string_view text, int64_t per_byte) {
  require_utf8(text, "the text");
  charge_text(c, text, per_byte);
}

void charge_text(const mrun::call &c, std::string_view text, int64_t per_byte) {
  constexpr size_t unannounced = 1024;  // what is this small needs no budget
  if (text.size() > unannounced) c.charge(int64_t(text.size()) * per_byte);
}

}  // namespace text
