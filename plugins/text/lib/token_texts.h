// The text that each token of a tokenizer adds, found by decoding: only the tokenizer knows which spaces it drops or adds, which
// pieces are bytes and which tokens are left out.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace text {

struct TokenTexts {
  // Of each id: its piece, the text at the beginning of a text, and behind others. Empty where there is no such id; of the
  // unknown piece the last two are.
  std::vector<std::string> pieces, first, later;
};

struct TokenSource {
  int64_t id_end = 0;  // above every id
  std::optional<int64_t> unknown;
  std::function<std::optional<std::string>(int64_t id)> piece;
  std::function<std::string(const std::vector<int64_t> &ids)> decode;
};

TokenTexts token_texts(const TokenSource &);

}  // namespace text
