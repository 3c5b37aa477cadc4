// How a text or a pair is cut to a number of tokens.
#pragma once
#include <optional>

#include "config.h"
#include "encoding.h"

namespace text {

struct Truncation {
  enum Strategy { longest_first, only_first, only_second };  // which text of a pair is cut
  uint32_t max_length = 0;                                   // with the special tokens
  Strategy strategy = longest_first;
  bool left = false;    // the beginning is cut off, not the end
  uint32_t stride = 0;  // tokens that one part shares with the next
};

std::optional<Truncation> read_truncation(const Json &tokenizer);

// Cuts a text or a pair to `room` tokens. `counted`: how many tokens each text counts for where it is decided which is
// the longer. Without `overflowing` the other parts are dropped.
void truncate(std::vector<Encoding> &texts, const std::vector<size_t> &counted, const Truncation &, size_t room,
              bool overflowing);

// To one part of `length` tokens, and the parts beside it.
void cut(Encoding &, size_t length, const Truncation &, bool overflowing);

bool is_left(const Json &, const char *key);  // "Left" or "Right", the default

}  // namespace text
