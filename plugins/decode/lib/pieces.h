// The bytes that each token adds to a text, and how tokenizers spell them.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace decode {

// How a tokenizer's pieces stand for bytes. plain: as they are. sentencepiece: "▁" is a space, "<0x0A>" a byte, the first
// piece of a text loses a space. byte_level: each character is a byte, in GPT-2's alphabet. wordpiece: "##" continues a
// word, other pieces begin one, with a space in front but for the first.
enum class Spelling { plain, sentencepiece, byte_level, wordpiece };

class Pieces {
 public:
  // An empty spelling is a token without bytes (a control token); so is one that the spelling cannot be.
  Pieces(const std::vector<std::string> &spelled, Spelling spelling);
  // What the tokenizer itself makes of each token, at the beginning of a text and later. Where that has U+FFFD in it, which
  // stands for bytes that are no character yet, the bytes are those that are spelled. Three lists of one length.
  Pieces(const std::vector<std::string> &spelled, std::vector<std::string> first, std::vector<std::string> later);

  int64_t size() const { return static_cast<int64_t>(later_bytes_.size()); }
  int64_t text_end() const;  // above every token that has bytes
  // What a token adds: at the beginning of a text, or later. Of a token without bytes or outside the vocabulary: nothing.
  std::string_view bytes(int64_t token, bool first) const;
  // The tokens that have bytes, in the order of these, each with how many it has in common with the one before, and where
  // the others lie in `rest`, one token's behind the other's.
  struct Sorted {
    std::vector<int32_t> tokens, common;
    std::vector<size_t> begins;  // one more than tokens
    std::string rest;
    size_t longest = 0;
  };
  const Sorted &sorted(bool first) const { return first ? first_ : later_; }

 private:
  Sorted sort(bool first) const;
  std::vector<std::string> first_bytes_, later_bytes_;
  Sorted first_, later_;
};

}  // namespace decode
