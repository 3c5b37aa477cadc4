// Tokens beside the model's vocabulary, which are found in the text before the model sees it.
#pragma once
#include <string>
#include <vector>

#include "models.h"
#include "normalizers.h"
#include "trie.h"

namespace text {

struct AddedToken {
  std::string content;
  std::string piece;  // what its id is spelled as: normalized where it is found behind normalization
  uint32_t id;
  bool single_word, lstrip, rstrip, normalized, special;
};

class AddedTokens {
 public:
  AddedTokens() = default;
  // list: "added_tokens" of tokenizer.json. As in the peer, a token of the model's vocabulary keeps its id there, and
  // others are numbered behind it, whatever id the file gives.
  AddedTokens(const Json &list, const Vocabulary &, const Normalizer *);

  struct Part {
    const AddedToken *token;  // nullptr: ordinary text
    uint32_t begin, end;
  };
  // Cuts a text at the tokens: those that are looked for before normalization, or behind it. Without `special`, special
  // tokens are ordinary text.
  void cut(std::string_view s, bool normalized, bool special, std::vector<Part> &out) const;

  const AddedToken *find(std::string_view content) const;
  const AddedToken *find(uint32_t id) const;
  size_t beyond(const Vocabulary &) const;  // how many the model's vocabulary does not have
  size_t id_end() const;                    // above every id

 private:
  struct Finder {
    Trie trie;
    std::vector<int> token;  // of a node: index, or -1
    bool first[256] = {};    // bytes that tokens begin with
    uint32_t root = 0;
    bool used = false;
  };
  void add_to(Finder &, std::string_view pattern, int token);
  // The longest token at `at`, -1 where there is none; `end` becomes its end.
  static int longest(const Finder &, std::string_view s, size_t at, size_t &end);

  std::vector<AddedToken> tokens_;
  TextMap<int> by_content_;
  std::unordered_map<uint32_t, int> by_id_;
  Finder before_, behind_;  // normalization
};

}  // namespace text
