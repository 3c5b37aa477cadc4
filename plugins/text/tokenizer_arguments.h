// What the operations that tokenize are called with: one table of parameters, for all of them.
#pragma once
#include "ops.h"
#include "tokenizer.h"

template <>
struct mrun::type_of<text::Tokenizer> {
  static const mrun_type info;
};

namespace text {

// Bits, so that a parameter can name several. Those of a version before a later one have fewer parameters.
enum TokenizerOp : unsigned {
  encode_1 = 1,
  encode_2 = 2,
  encode_batch_1 = 4,
  encode_batch_2 = 8,
  tokenize_1 = 16,
  tokenize_2 = 32,
  tokenize_batch_1 = 64,
};

// The arguments of one call; texts are borrowed from it.
struct TokenizerCall {
  const Tokenizer *self = nullptr;
  std::vector<Input> texts;  // one, but for a batch
  std::vector<std::optional<Input>> pairs;
  TokenizerOptions options;
  OffsetUnit unit = OffsetUnit::character;
  bool padding_asked = false;
  bool attention_mask = false, special_tokens_mask = false, word_ids = false, sequence_ids = false;  // wanted fields

  // Of one text of a batch.
  TokenizerOptions options_of(size_t i) const;
};

std::string parameters_of(TokenizerOp);  // of its schema
TokenizerCall read_call(const mrun::call &, TokenizerOp, const mrun_value *args);

}  // namespace text
