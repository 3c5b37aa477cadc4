// How encodings are brought to one length.
#pragma once
#include <optional>

#include "config.h"
#include "encoding.h"

namespace text {

constexpr uint32_t max_padding = 1u << 20;  // tokens

struct Padding {
  std::optional<uint32_t> length;  // nothing: that of the batch's longest
  uint32_t multiple_of = 0;        // 0: none
  bool left = false;
  uint32_t id = 0, type = 0;
  std::string piece = "[PAD]";
};

std::optional<Padding> read_padding(const Json &tokenizer);

// The length of an encoding that is to have `length` tokens, or as many as a multiple wants.
size_t padded_length(const Padding &, size_t length);
// With the parts beside it; longer ones stay as they are.
void pad(Encoding &, const Padding &, size_t length);
// Brings the results of a batch to the length of its longest, where the padding is to that.
void pad_batch(std::vector<Encoding> &, const Padding &);

}  // namespace text
