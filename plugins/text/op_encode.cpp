// The operations that tokenize: each reads the same call and gives its own form of the result.
#include "parallel.h"
#include "tokenizer_arguments.h"

namespace text {
namespace {

using Results = std::vector<mrun::value>;

std::vector<Encoding> encode_all(const mrun::call &c, const TokenizerCall &call, bool pieces) {
  std::vector<Encoding> batch(call.texts.size());
  for_each_index(batch.size(), c.threads(), [&](size_t i) {
    const Limits limits(c);
    if (c.stopped()) return;
    const TokenizerOptions o = call.options_of(i);
    batch[i] = pieces ? call.self->tokenize(call.texts[i], o, call.unit) : call.self->encoding(call.texts[i], o);
  });
  c.poll();
  const Limits limits(c);
  call.self->pad_batch(batch, call.options);
  return batch;
}

Results encode(const mrun::call &c, const TokenizerCall &call) {
  const Limits limits(c);
  const Encoding e = call.self->encoding(call.texts[0], call.options_of(0));
  return {ids_tensor(c, e.ids)};
}

Results encode_batch(const mrun::call &c, const TokenizerCall &call) {
  std::vector<mrun::tensor> out;
  for (const Encoding &e : encode_all(c, call, false)) out.push_back(ids_tensor(c, e.ids));
  return {mrun::value::of(c, std::move(out))};
}

// ids, attention_mask and types as rows of one length, where padding was asked for; else the list.
Results encode_padded(const mrun::call &c, const TokenizerCall &call) {
  if (!call.padding_asked) {
    Results list = encode_batch(c, call);
    list.resize(3);
    return list;
  }
  const std::vector<Encoding> batch = encode_all(c, call, false);
  return {rows_tensor(c, batch, &Encoding::ids), rows_tensor(c, batch, &Encoding::attention),
          rows_tensor(c, batch, &Encoding::types)};
}

Encoding tokenized(const mrun::call &c, const TokenizerCall &call) {
  const Limits limits(c);
  return call.self->tokenize(call.texts[0], call.options_of(0), call.unit);
}

Results tokenize(const mrun::call &c, const TokenizerCall &call) {
  auto [ids, types, offsets, pieces] = to_tokens(c, tokenized(c, call));
  return {std::move(ids), std::move(types), std::move(offsets), mrun::value::of(c, std::move(pieces))};
}

mrun::value table_of(const mrun::call &c, const TokenizerCall &call, const Encoding &e) {
  auto [ids, types, offsets, pieces] = to_tokens(c, e);
  std::map<std::string, mrun::value> t;
  t.emplace("ids", std::move(ids));
  t.emplace("types", std::move(types));
  t.emplace("offsets", std::move(offsets));
  t.emplace("pieces", mrun::value::of(c, std::move(pieces)));
  if (call.attention_mask) t.emplace("attention_mask", ids_tensor(c, e.attention));
  if (call.special_tokens_mask) t.emplace("special_tokens_mask", ids_tensor(c, e.special));
  if (call.word_ids) t.emplace("word_ids", ids_tensor(c, e.words));
  if (call.sequence_ids) t.emplace("sequence_ids", ids_tensor(c, e.sequences));
  if (call.options.overflowing) {
    std::vector<mrun::value> parts;
    for (const Encoding &part : e.overflowing) parts.push_back(table_of(c, call, part));
    t.emplace("overflowing", mrun::value::of(c, std::move(parts)));
  }
  return mrun::value::of(c, std::move(t));
}

Results tokenize_to_table(const mrun::call &c, const TokenizerCall &call) {
  return {table_of(c, call, tokenized(c, call))};
}

Results tokenize_batch(const mrun::call &c, const TokenizerCall &call) {
  std::vector<mrun::value> out;
  for (const Encoding &e : encode_all(c, call, true)) out.push_back(table_of(c, call, e));
  return {mrun::value::of(c, std::move(out))};
}

struct Operation {
  TokenizerOp op;
  const char *name, *results, *doc;
  Results (*run)(const mrun::call &, const TokenizerCall &);
  std::string schema{};
};

// The host keeps pointers to these.
Operation operations[] = {
    {encode_1, "encode@1", "Tensor", "The ids of a text or a pair, int64 [n].", encode},
    {encode_2, "encode@2", "Tensor", "The ids of a text or a pair, int64 [n]; a list of words is a text, too.", encode},
    {encode_batch_1, "encode_batch@1", "Tensor[]",
     "The ids of each text of a list, worked out by several threads; of the same length where the file pads to the "
     "longest.",
     encode_batch},
    {encode_batch_2, "encode_batch@2", "(Any, Tensor?, Tensor?)",
     "The ids of each text or pair of a list, worked out by several threads; with padding as rows of a tensor, beside "
     "the attention mask and the types.",
     encode_padded},
    {tokenize_1, "tokenize@1", "(Tensor, Tensor, Tensor, str[])", "ids, types, offsets and pieces of a text or a pair.",
     tokenize},
    {tokenize_2, "tokenize@2", "Any",
     "A table of ids, types, offsets and pieces of a text or a pair, and of what else is asked for.",
     tokenize_to_table},
    {tokenize_batch_1, "tokenize_batch@1", "Any[]",
     "What tokenize gives, of each text or pair of a list; worked out by several threads.", tokenize_batch},
};

int run(mrun_call *raw, const mrun_value *args, mrun_value *results, void *user) noexcept {
  return mrun::detail::guarded(raw, [&] {
    const mrun::call c(raw);
    const auto &o = *static_cast<const Operation *>(user);
    try {
      for (mrun::value &v : o.run(c, read_call(c, o.op, args))) *results++ = v.release();
    } catch (const Error &e) { throw host_error(e); }
    return int{MRUN_OK};
  });
}

}  // namespace

void add_encode(const mrun::registrar &r) {
  static mrun_op ops[std::size(operations)];
  for (size_t i = 0; i < std::size(operations); ++i) {
    Operation &o = operations[i];
    o.schema = std::string("text.Tokenizer.") + o.name + '(' + parameters_of(o.op) + ") -> " + o.results;
    ops[i] = {sizeof(mrun_op), MRUN_OP_RANDOM, o.schema.c_str(), o.doc, nullptr, run, &o};
    mrun::check(mrun::host->add_op(r.registry, &ops[i]));
  }
}

}  // namespace text
