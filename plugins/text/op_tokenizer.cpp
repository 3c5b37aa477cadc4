#include "budget.h"
#include "ops.h"
#include "parallel.h"
#include "polling.h"
#include "tokenizer.h"

template <>
struct mrun::type_of<text::Tokenizer> {
  static inline const mrun_type info{
      sizeof(mrun_type),
      MRUN_TYPE_SHAREABLE,
      "text.Tokenizer",
      "A tokenizer in Hugging Face's format, made by text.tokenizer_json.",
      [](void *self) { delete static_cast<text::Tokenizer *>(self); },
      nullptr,
  };
};

namespace text {
namespace {

constexpr int64_t bytes_per_text_byte = 100;  // an entry of each array a byte, and its piece

// What the library asks of the host while a call works on this thread.
struct Limits {
  explicit Limits(const mrun::call &c)
      : polling([&c] { c.poll(); }), budget([&c](int64_t bytes) { c.charge(bytes); }) {}
  Polling polling;
  Budget budget;
};

std::unique_ptr<Tokenizer> open(const mrun::call &c, const mrun::tensor &json) {
  const Limits limits(c);
  std::string_view bytes = bytes_of(json, "text.tokenizer_json");
  c.charge(int64_t(bytes.size()) * 20);
  return std::make_unique<Tokenizer>(bytes);
}

TokenizerOptions options(const mrun::call &c, const Tokenizer &self, std::optional<std::string_view> pair, bool special,
                         std::optional<int64_t> max_length, bool parse_special, std::optional<int64_t> seed) {
  TokenizerOptions o;
  o.pair = pair;
  o.special = special;
  o.parse_special = parse_special;
  if (max_length) {
    if (*max_length < 0 || *max_length > int64_t(UINT32_MAX))
      throw mrun::error(MRUN_ARGUMENT, "max_length is " + std::to_string(*max_length) + "; wanted a count of tokens");
    o.max_length = uint32_t(*max_length);
  }
  if (self.draws()) o.seed = seed ? uint64_t(*seed) : c.seed();
  return o;
}

void admit_both(const mrun::call &c, std::string_view text, const std::optional<std::string_view> &pair) {
  admit(c, text, bytes_per_text_byte);
  if (pair) admit(c, *pair, bytes_per_text_byte);
}

mrun::tensor encode(const mrun::call &c, const Tokenizer &self, std::string_view text,
                    std::optional<std::string_view> pair, bool special, std::optional<int64_t> max_length,
                    bool parse_special, std::optional<int64_t> seed) {
  const Limits limits(c);
  admit_both(c, text, pair);
  return ids_tensor(c, self.encode(text, options(c, self, pair, special, max_length, parse_special, seed)));
}

std::vector<mrun::tensor> encode_batch(const mrun::call &c, const Tokenizer &self,
                                       const std::vector<std::string_view> &texts, bool special,
                                       std::optional<int64_t> max_length, bool parse_special,
                                       std::optional<int64_t> seed) {
  const TokenizerOptions all = options(c, self, std::nullopt, special, max_length, parse_special, seed);
  for (std::string_view text : texts) admit(c, text, bytes_per_text_byte);
  std::vector<Encoding> batch(texts.size());
  for_each_index(texts.size(), c.threads(), [&](size_t i) {
    const Limits limits(c);
    if (c.stopped()) return;
    TokenizerOptions o = all;
    o.number = i;
    batch[i].ids = self.encode(texts[i], o);
  });
  c.poll();
  self.pad_batch(batch);
  std::vector<mrun::tensor> out;
  for (const Encoding &e : batch) out.push_back(ids_tensor(c, e.ids));
  return out;
}

Tokens tokenize(const mrun::call &c, const Tokenizer &self, std::string_view text, std::optional<std::string_view> pair,
                bool special, std::optional<int64_t> max_length, bool parse_special, std::string_view unit,
                std::optional<int64_t> seed) {
  const Limits limits(c);
  admit_both(c, text, pair);
  return to_tokens(
      c, self.tokenize(text, options(c, self, pair, special, max_length, parse_special, seed), offset_unit(unit)));
}

std::string decode(const mrun::call &c, const Tokenizer &self, const mrun::value &ids, bool skip_special) {
  const Limits limits(c);
  return self.decode(ids_of(c, ids), skip_special);
}

int64_t size(const Tokenizer &self) { return int64_t(self.size()); }

std::optional<std::string> piece(const Tokenizer &self, int64_t id) {
  if (id < 0 || id > int64_t(UINT32_MAX)) return std::nullopt;
  const std::string *found = self.piece(uint32_t(id));
  return found ? std::optional<std::string>(*found) : std::nullopt;
}

std::optional<int64_t> id(const Tokenizer &self, std::string_view piece) {
  const auto found = self.id(piece);
  return found ? std::optional<int64_t>(*found) : std::nullopt;
}

}  // namespace

void add_tokenizer(const mrun::registrar &r) {
  r.type<Tokenizer>();
  r.op<walled<open>>("text.tokenizer_json@1(Tensor json) -> text.Tokenizer",
                     "A tokenizer from the bytes of a tokenizer.json of Hugging Face's library.", MRUN_OP_ONCE);
  r.op<walled<encode>>(
      "text.Tokenizer.encode@1(text.Tokenizer self, str text, *, str? pair=None, bool special=True, "
      "int? max_length=None, bool parse_special=False, int? seed=None) -> Tensor",
      "The ids of a text or a pair, int64 [n].", MRUN_OP_RANDOM);
  r.op<walled<encode_batch>>(
      "text.Tokenizer.encode_batch@1(text.Tokenizer self, str[] texts, *, bool special=True, int? max_length=None, "
      "bool parse_special=False, int? seed=None) -> Tensor[]",
      "The ids of each text of a list, worked out by several threads; of the same length where the file pads to the "
      "longest.",
      MRUN_OP_RANDOM);
  r.op<walled<tokenize>>(
      "text.Tokenizer.tokenize@1(text.Tokenizer self, str text, *, str? pair=None, bool special=True, "
      "int? max_length=None, bool parse_special=False, str unit='char', int? seed=None) -> (Tensor, Tensor, Tensor, "
      "str[])",
      "ids, types, offsets and pieces of a text or a pair.", MRUN_OP_RANDOM);
  r.op<walled<decode>>("text.Tokenizer.decode@1(text.Tokenizer self, Any ids, *, bool skip_special=True) -> str",
                       "The text of a 1-D tensor or list of ids.");
  r.op<walled<size>>("text.Tokenizer.size@1(text.Tokenizer self) -> int",
                     "How many tokens there are, added ones included.");
  r.op<walled<piece>>("text.Tokenizer.piece@1(text.Tokenizer self, int id) -> str?", "The token of an id, or nil.");
  r.op<walled<id>>("text.Tokenizer.id@1(text.Tokenizer self, str piece) -> int?", "The id of a token, or nil.");
}

}  // namespace text
