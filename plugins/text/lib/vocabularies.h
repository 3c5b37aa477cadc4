// Tokenizers from files that hold a vocabulary alone: what they do not say comes from the caller.
#pragma once
#include <map>

#include "tokenizer.h"

namespace text {

// As in Hugging Face's BertNormalizer, and the names of BERT's tokens.
struct WordPieceOptions {
  bool lower = true;
  std::optional<bool> strip_accents;  // nothing: as `lower`
  bool handle_chinese_chars = true, clean_text = true;
  std::string unknown = "[UNK]", cls = "[CLS]", sep = "[SEP]", pad = "[PAD]", mask = "[MASK]";
};
// BERT's vocab.txt: a token a line, numbered from 0.
std::unique_ptr<Tokenizer> read_wordpiece(std::string_view vocabulary, const WordPieceOptions &);

struct TiktokenOptions {
  std::string pattern;                                     // a regular expression, or "cl100k_base" and the like
  std::optional<std::map<std::string, uint32_t>> special;  // nothing: those of the pattern's name
};
// tiktoken's file: the bytes of a token in Base64, a space, its rank, a token a line.
std::unique_ptr<Tokenizer> read_tiktoken(std::string_view file, const TiktokenOptions &);

}  // namespace text
