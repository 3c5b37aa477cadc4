// Between the library and plugin.hpp: tensors of ids and offsets, errors. Each add_* registers one part's operations.
#pragma once
#include <mrun/plugin_kit.hpp>

#include <algorithm>

#include "budget.h"
#include "encoding.h"
#include "error.h"
#include "polling.h"
#include "token_texts.h"

namespace text {

void add_sentencepiece(const mrun::registrar &);
void add_tokenizer(const mrun::registrar &);
void add_encode(const mrun::registrar &);
void add_unicode(const mrun::registrar &);

mrun::error host_error(const Error &);

// What the library asks of the host while a call works on this thread.
struct Limits {
  explicit Limits(const mrun::call &c) : polling(mrun::asking(c)), budget([&c](int64_t bytes) { c.charge(bytes); }) {}
  Polling polling;
  Budget budget;
};

// walled<f>: f as an operation; the library's errors become the host's.
template <class R, class... Args>
struct Wall {
  template <R (*f)(Args...)>
  static R call(Args... args) {
    try {
      return f(std::forward<Args>(args)...);
    } catch (const Error &e) { throw host_error(e); }
  }
};
template <auto f>
constexpr auto walled = []<class R, class... Args>(R (*)(Args...)) { return &Wall<R, Args...>::template call<f>; }(f);

template <class Ids>
mrun::tensor ids_tensor(const mrun::call &c, const Ids &ids) {
  auto out = mrun::tensor::empty(c, mrun::int64, {int64_t(ids.size())});
  std::copy(ids.begin(), ids.end(), out.data<int64_t>());
  return out;
}

// ids [n], types [n], offsets [n, 2] (all int64), pieces.
using Tokens = std::tuple<mrun::tensor, mrun::tensor, mrun::tensor, std::vector<std::string>>;
Tokens to_tokens(const mrun::call &, const Encoding &);

// One array of each encoding as the rows of an int64 [n, length]; throws where they differ in length.
mrun::tensor rows_tensor(const mrun::call &, const std::vector<Encoding> &, std::vector<int64_t> Encoding::*);

// What lib/token_texts finds, as an operation gives it.
using Texts = std::tuple<std::vector<std::string>, std::vector<std::string>, std::vector<std::string>>;
inline Texts texts_of(const TokenSource &source) {
  TokenTexts t = token_texts(source);
  return {std::move(t.pieces), std::move(t.first), std::move(t.later)};
}
inline constexpr const char *token_texts_doc =
    "Of each id its piece, the text that it adds at the beginning of a text, and the text that it adds behind others.";

// A 1-D tensor of integers or a list of integers.
std::vector<int64_t> ids_of(const mrun::call &, const mrun::value &);

OffsetUnit offset_unit(std::string_view name);  // "char" or "byte"

// Every text is checked once, here, and its work announced: `per_byte` bytes of memory for each of its own.
void admit(const mrun::call &, std::string_view text, int64_t per_byte);
// The second half of it, for a text that was looked at before.
void charge_text(const mrun::call &, std::string_view text, int64_t per_byte);

}  // namespace text
