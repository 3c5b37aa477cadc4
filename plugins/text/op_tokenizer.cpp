#include "budget.h"
#include "polling.h"
#include "tokenizer_arguments.h"
#include "vocabularies.h"

const mrun_type mrun::type_of<text::Tokenizer>::info{
    sizeof(mrun_type),
    MRUN_TYPE_SHAREABLE,
    "text.Tokenizer",
    "A tokenizer, made by text.tokenizer_json, text.wordpiece or text.tiktoken.",
    [](void *self) { delete static_cast<text::Tokenizer *>(self); },
    nullptr,
};

namespace text {
namespace {

std::unique_ptr<Tokenizer> open(const mrun::call &c, const mrun::tensor &json) {
  const Limits limits(c);
  const mrun::bytes bytes(c, json, "text.tokenizer_json");
  c.charge(int64_t(bytes.size()) * 20 + int64_t(WordCache::memory));
  return std::make_unique<Tokenizer>(bytes.view());
}

// Each byte of a vocabulary becomes a few entries of tables.
constexpr int64_t memory_per_byte = 30;

std::unique_ptr<Tokenizer> wordpiece(const mrun::call &c, const mrun::tensor &vocabulary, bool lower,
                                     std::optional<bool> strip_accents, bool handle_chinese_chars, bool clean_text,
                                     std::string unknown, std::string cls, std::string sep, std::string pad,
                                     std::string mask) {
  const Limits limits(c);
  const mrun::bytes bytes(c, vocabulary, "text.wordpiece");
  c.charge(int64_t(bytes.size()) * memory_per_byte + int64_t(WordCache::memory));
  return read_wordpiece(bytes.view(), {lower, strip_accents, handle_chinese_chars, clean_text, std::move(unknown),
                                       std::move(cls), std::move(sep), std::move(pad), std::move(mask)});
}

std::unique_ptr<Tokenizer> tiktoken(const mrun::call &c, const mrun::tensor &ranks, std::optional<std::string> pattern,
                                    std::optional<std::map<std::string, int64_t>> special) {
  const Limits limits(c);
  if (!pattern)
    mrun::refuse(
        "text.tiktoken: pattern: wanted \"cl100k_base\", \"o200k_base\", \"p50k_base\", \"r50k_base\", "
        "\"gpt2\" or a regular expression, got nil: the file does not say how a text is cut");
  const mrun::bytes bytes(c, ranks, "text.tiktoken");
  c.charge(int64_t(bytes.size()) * memory_per_byte + int64_t(WordCache::memory));
  TiktokenOptions o{std::move(*pattern), std::nullopt};
  if (special) o.special.emplace();
  for (const auto &[token, id] : special.value_or(std::map<std::string, int64_t>())) {
    if (id < 0 || id >= int64_t(max_ids)) mrun::refuse("text.tiktoken: special: no id: " + std::to_string(id));
    o.special->emplace(token, uint32_t(id));
  }
  return read_tiktoken(bytes.view(), o);
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

Texts token_texts_of(const mrun::call &c, const Tokenizer &self) {
  const Limits limits(c);
  const auto decode = [&](const std::vector<int64_t> &ids) { return self.decode(ids, true); };
  return texts_of({int64_t(self.id_end()), std::nullopt, [&](int64_t id) { return piece(self, id); }, decode});
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
  r.op<walled<wordpiece>>(
      "text.wordpiece@1(Tensor vocabulary, *, bool lower=True, bool? strip_accents=None, bool "
      "handle_chinese_chars=True, "
      "bool clean_text=True, str unk_token='[UNK]', str cls_token='[CLS]', str sep_token='[SEP]', "
      "str pad_token='[PAD]', str mask_token='[MASK]') -> text.Tokenizer",
      "A tokenizer as BERT's from the bytes of its vocab.txt.", MRUN_OP_ONCE);
  r.op<walled<tiktoken>>(
      "text.tiktoken@1(Tensor ranks, *, str? pattern=None, Dict(str, int)? special=None) -> text.Tokenizer",
      "A tokenizer from the bytes of tiktoken's file of ranks.", MRUN_OP_ONCE);
  r.op<walled<decode>>("text.Tokenizer.decode@1(text.Tokenizer self, Any ids, *, bool skip_special=True) -> str",
                       "The text of a 1-D tensor or list of ids.");
  r.op<walled<token_texts_of>>("text.Tokenizer.token_texts@1(text.Tokenizer self) -> (str[], str[], str[])",
                               token_texts_doc);
  r.op<walled<size>>("text.Tokenizer.size@1(text.Tokenizer self) -> int",
                     "How many tokens there are, added ones included.");
  r.op<walled<piece>>("text.Tokenizer.piece@1(text.Tokenizer self, int id) -> str?", "The token of an id, or nil.");
  r.op<walled<id>>("text.Tokenizer.id@1(text.Tokenizer self, str piece) -> int?", "The id of a token, or nil.");
}

}  // namespace text
