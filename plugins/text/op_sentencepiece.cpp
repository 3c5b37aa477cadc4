#include "padding_arguments.h"
#include "parallel.h"
#include "sentencepiece.h"

template <>
struct mrun::type_of<text::SentencePiece> {
  static inline const mrun_type info{
      sizeof(mrun_type),
      MRUN_TYPE_SHAREABLE,
      "text.SentencePiece",
      "A sentencepiece model, made by text.sentencepiece.",
      [](void *self) { delete static_cast<text::SentencePiece *>(self); },
      nullptr,
  };
};

namespace text {
namespace {

constexpr int64_t bytes_per_text_byte = 200;  // the lattice of a unigram model is the largest

std::unique_ptr<SentencePiece> open(const mrun::call &c, const mrun::tensor &model) {
  const mrun::bytes bytes(c, model, "text.sentencepiece");
  c.charge(int64_t(bytes.size()) * 4);
  return std::make_unique<SentencePiece>(bytes.view());
}

void limit(SentencePieceOptions &o, std::optional<int64_t> max_length, const std::string &direction) {
  if (max_length) o.max_length = count_of(*max_length, "max_length");
  o.left = is_left_side(direction, "direction");
}

SentencePieceOptions options(const mrun::call &c, bool add_bos, bool add_eos, bool reverse, bool enable_sampling,
                             int64_t nbest_size, double alpha, std::optional<int64_t> seed) {
  SentencePieceOptions o;
  o.add_bos = add_bos;
  o.add_eos = add_eos;
  o.reverse = reverse;
  if (enable_sampling) {
    if (nbest_size > 512) nbest_size = 513;  // refused by the library code, whatever it was
    o.sampling = {nbest_size < 0 ? -1 : int(nbest_size), float(alpha), uint32_t(seed ? *seed : int64_t(c.seed()))};
  }
  return o;
}

mrun::tensor encode(const mrun::call &c, const SentencePiece &self, std::string_view text, bool add_bos, bool add_eos,
                    bool reverse, bool enable_sampling, int64_t nbest_size, double alpha, std::optional<int64_t> seed,
                    std::optional<int64_t> max_length, const std::string &direction) {
  admit(c, text, bytes_per_text_byte);
  auto o = options(c, add_bos, add_eos, reverse, enable_sampling, nbest_size, alpha, seed);
  limit(o, max_length, direction);
  return ids_tensor(c, self.encode(text, o));
}

std::vector<std::vector<int>> encode_all(const mrun::call &c, const SentencePiece &self,
                                         const std::vector<std::string_view> &texts, const SentencePieceOptions &o) {
  for (std::string_view text : texts) admit(c, text, bytes_per_text_byte);
  std::vector<std::vector<int>> ids(texts.size());
  for_each_index(texts.size(), c.threads(), [&](size_t i) {
    if (!c.stopped()) ids[i] = self.encode(texts[i], o);
  });
  c.poll();
  return ids;
}

std::vector<mrun::tensor> tensors_of(const mrun::call &c, const std::vector<std::vector<int>> &batch) {
  std::vector<mrun::tensor> out;
  for (const auto &ids : batch) out.push_back(ids_tensor(c, ids));
  return out;
}

std::vector<mrun::tensor> encode_batch(const mrun::call &c, const SentencePiece &self,
                                       const std::vector<std::string_view> &texts, bool add_bos, bool add_eos,
                                       bool reverse) {
  return tensors_of(c, encode_all(c, self, texts, options(c, add_bos, add_eos, reverse, false, -1, 0, std::nullopt)));
}

std::optional<Padding> sentencepiece_padding(const SentencePiece &self, const PaddingAsked &asked,
                                             std::optional<uint32_t> max_length) {
  const auto id = [&](const std::string &piece) -> std::optional<int64_t> {
    const int found = self.id(piece);
    return found == self.unk() && piece != self.piece(found) ? std::nullopt : std::optional<int64_t>(found);
  };
  const auto usual = [&]() -> std::string {
    if (self.pad() < 0) mrun::refuse("padding: the model has no piece that pads: name one with pad_token");
    return std::string(self.piece(self.pad()));
  };
  return padding_of(asked, {std::nullopt, max_length, id, usual});
}

// ids and attention_mask as rows of one length, where padding was asked for; else the list.
std::tuple<mrun::value, std::optional<mrun::tensor>> encode_padded(
    const mrun::call &c, const SentencePiece &self, const std::vector<std::string_view> &texts, bool add_bos,
    bool add_eos, bool reverse, std::optional<int64_t> max_length, const std::string &direction,
    const mrun::value &padding, std::optional<int64_t> pad_to_multiple_of, std::optional<std::string> padding_side,
    std::optional<std::string> pad_token) {
  auto o = options(c, add_bos, add_eos, reverse, false, -1, 0, std::nullopt);
  limit(o, max_length, direction);
  const PaddingAsked asked{padding.is_nil() ? nullptr : &padding.get(), pad_to_multiple_of, std::move(padding_side),
                           std::move(pad_token)};
  const auto p = sentencepiece_padding(self, asked, o.max_length);
  const auto ids = encode_all(c, self, texts, o);
  if (!p) return {mrun::value::of(c, tensors_of(c, ids)), std::nullopt};
  const Limits limits(c);
  std::vector<Encoding> batch(ids.size());
  for (size_t i = 0; i < ids.size(); ++i) {
    batch[i].wanted = {false, true};
    batch[i].ids.assign(ids[i].begin(), ids[i].end());
    batch[i].attention.assign(ids[i].size(), 1);
    if (p->length) pad(batch[i], *p, *p->length);
  }
  pad_batch(batch, *p);
  return {rows_tensor(c, batch, &Encoding::ids), rows_tensor(c, batch, &Encoding::attention)};
}

Tokens tokenize(const mrun::call &c, const SentencePiece &self, std::string_view text, bool add_bos, bool add_eos,
                bool reverse, bool emit_unk_piece, bool enable_sampling, int64_t nbest_size, double alpha,
                std::optional<int64_t> seed, std::string_view unit, std::optional<int64_t> max_length,
                const std::string &direction) {
  admit(c, text, bytes_per_text_byte);
  auto o = options(c, add_bos, add_eos, reverse, enable_sampling, nbest_size, alpha, seed);
  limit(o, max_length, direction);
  o.emit_unk_piece = emit_unk_piece;
  return to_tokens(c, self.tokenize(text, o, offset_unit(unit)));
}

std::string decode(const mrun::call &c, const SentencePiece &self, const mrun::value &ids) {
  std::vector<int> checked;
  for (int64_t id : ids_of(c, ids)) checked.push_back(self.checked(id));
  return self.decode(checked);
}

Texts token_texts_of(const mrun::call &c, const SentencePiece &self) {
  const Limits limits(c);
  const auto decode = [&](const std::vector<int64_t> &ids) { return self.decode({ids.begin(), ids.end()}); };
  const auto piece = [&](int64_t id) { return std::string(self.piece(static_cast<int>(id))); };
  return texts_of({self.size(), self.unk(), piece, decode});
}

int64_t size(const SentencePiece &self) { return self.size(); }
std::string piece(const SentencePiece &self, int64_t id) { return std::string(self.piece(self.checked(id))); }
int64_t id(const SentencePiece &self, std::string_view piece) { return self.id(piece); }
template <int (SentencePiece::*which)() const>
std::optional<int64_t> special(const SentencePiece &self) {
  int id = (self.*which)();
  return id < 0 ? std::nullopt : std::optional<int64_t>(id);
}

}  // namespace

void add_sentencepiece(const mrun::registrar &r) {
  r.type<SentencePiece>();
  r.op<walled<open>>("text.sentencepiece@1(Tensor model) -> text.SentencePiece",
                     "A tokenizer from the bytes of a sentencepiece model file.", MRUN_OP_ONCE);
  r.op<walled<encode>>(
      "text.SentencePiece.encode@1(text.SentencePiece self, str text, *, bool add_bos=False, bool add_eos=False, "
      "bool reverse=False, bool enable_sampling=False, int nbest_size=-1, float alpha=0.1, int? seed=None, "
      "int? max_length=None, str direction='right') -> Tensor",
      "The ids of a text, int64 [n]; options as in Python's encode.", MRUN_OP_RANDOM);
  r.op<walled<encode_batch>>(
      "text.SentencePiece.encode_batch@1(text.SentencePiece self, str[] texts, *, bool add_bos=False, "
      "bool add_eos=False, bool reverse=False) -> Tensor[]",
      "The ids of each text of a list, worked out by several threads.");
  r.op<walled<encode_padded>>(
      "text.SentencePiece.encode_batch@2(text.SentencePiece self, str[] texts, *, bool add_bos=False, "
      "bool add_eos=False, bool reverse=False, int? max_length=None, str direction='right', Any padding=None, "
      "int? pad_to_multiple_of=None, str? padding_side=None, str? pad_token=None) -> (Any, Tensor?)",
      "The ids of each text of a list, worked out by several threads; with padding as rows of a tensor, beside the "
      "attention mask.");
  r.op<walled<tokenize>>(
      "text.SentencePiece.tokenize@1(text.SentencePiece self, str text, *, bool add_bos=False, bool add_eos=False, "
      "bool reverse=False, bool emit_unk_piece=False, bool enable_sampling=False, int nbest_size=-1, float alpha=0.1, "
      "int? seed=None, str unit='char', int? max_length=None, str direction='right') -> (Tensor, Tensor, Tensor, "
      "str[])",
      "ids, types, offsets and pieces of a text.", MRUN_OP_RANDOM);
  r.op<walled<decode>>("text.SentencePiece.decode@1(text.SentencePiece self, Any ids) -> str",
                       "The text of a 1-D tensor or list of ids.");
  r.op<walled<token_texts_of>>("text.SentencePiece.token_texts@1(text.SentencePiece self) -> (str[], str[], str[])",
                               token_texts_doc);
  r.op<walled<size>>("text.SentencePiece.size@1(text.SentencePiece self) -> int", "How many pieces the model has.");
  r.op<walled<piece>>("text.SentencePiece.piece@1(text.SentencePiece self, int id) -> str", "The piece of an id.");
  r.op<walled<id>>("text.SentencePiece.id@1(text.SentencePiece self, str piece) -> int",
                   "The id of a piece; the unknown piece's where there is none.");
  r.op<walled<special<&SentencePiece::bos>>>("text.SentencePiece.bos@1(text.SentencePiece self) -> int?",
                                             "The id that begins a text, or nil.");
  r.op<walled<special<&SentencePiece::eos>>>("text.SentencePiece.eos@1(text.SentencePiece self) -> int?",
                                             "The id that ends a text, or nil.");
  r.op<walled<special<&SentencePiece::unk>>>("text.SentencePiece.unk@1(text.SentencePiece self) -> int?",
                                             "The id of unknown pieces.");
  r.op<walled<special<&SentencePiece::pad>>>("text.SentencePiece.pad@1(text.SentencePiece self) -> int?",
                                             "The id that fills up, or nil.");
}

}  // namespace text
