// WordPiece in linear time: a trie with failure links. Source: Song, Salcianu, Song, Dopson, Zhou, "Fast WordPiece
// Tokenization", arXiv 2012.15524, algorithms 1 and 2.
#include <algorithm>

#include "models.h"
#include "polling.h"
#include "trie.h"
#include "utf8.h"

namespace text {
namespace {

class WordPiece final : public Model {
 public:
  explicit WordPiece(const Json &j)
      : prefix_(string_member(j, "continuing_subword_prefix", "##")),
        max_characters_(uint_member(j, "max_input_chars_per_word", 100)) {
    vocabulary_ = read_vocabulary(member(j, "vocab"));
    if (const uint32_t *id = vocabulary_.id(string_member(j, "unk_token", "[UNK]"))) {
      unknown_ = *id;
      has_unknown_ = true;
    }
    build();
  }

  void run(std::string_view part, uint32_t at, std::vector<Token> &out, Random &) const override {
    const size_t before = out.size();
    if (utf8_length(part) <= max_characters_ && match(part, at, out)) return;
    out.resize(before);
    if (!has_unknown_) bad_input("a word is not in the vocabulary, which has no unknown token");
    out.push_back({unknown_, at, at + uint32_t(part.size())});
  }

 private:
  struct Piece {
    uint32_t id, bytes;
  };
  struct Node {
    uint32_t failure = Trie::none;  // where to go on when no child fits, after these pieces:
    uint32_t first = 0, count = 0;  // of pieces_
    bool token = false;
    Piece piece{};
  };

  void build() {
    begin_ = trie_.add_root();
    middle_ = trie_.add_root();
    for (const auto &[token, id] : vocabulary_.ids()) {
      Polling::now();
      if (utf8_length(token) > size_t(max_characters_) + prefix_.size()) continue;  // can never match
      add(begin_, token, id);
      if (token.size() > prefix_.size() && token.starts_with(prefix_))
        add(middle_, std::string_view(token).substr(prefix_.size()), id);
    }
    link();
  }

  void add(uint32_t root, std::string_view word, uint32_t id) {
    if (word.empty()) return;
    const uint32_t node = trie_.insert(root, word);
    nodes_.resize(trie_.size());
    nodes_[node].token = true;
    nodes_[node].piece = {id, uint32_t(word.size())};
  }

  // Failure links, in the order of a node's depth. Children are found by trying all bytes: once, at load.
  void link() {
    nodes_.resize(trie_.size());
    std::vector<uint32_t> queue{begin_, middle_};
    for (size_t head = 0; head < queue.size(); ++head) {
      const uint32_t parent = queue[head];
      Polling::now();
      for (unsigned byte = 0; byte < 256; ++byte) {
        const uint32_t node = trie_.child(parent, static_cast<unsigned char>(byte));
        if (node == Trie::none) continue;
        link(node, parent, static_cast<unsigned char>(byte));
        queue.push_back(node);
      }
    }
  }

  void link(uint32_t number, uint32_t parent, unsigned char byte) {
    Node &node = nodes_[number];
    node.first = uint32_t(pieces_.size());
    if (node.token) {
      node.failure = middle_;
      pieces_.push_back(node.piece);
    } else {
      take(nodes_[parent]);
      uint32_t z = nodes_[parent].failure;
      while (z != Trie::none && trie_.child(z, byte) == Trie::none) {
        take(nodes_[z]);
        z = nodes_[z].failure;
      }
      if (z != Trie::none) {
        node.failure = trie_.child(z, byte);
      } else {
        pieces_.resize(node.first);
      }
    }
    node.count = uint32_t(pieces_.size()) - node.first;
  }

  void take(const Node &from) {
    constexpr size_t most = size_t(1) << 25;
    if (pieces_.size() + from.count > most) bad_config("WordPiece: the vocabulary's tokens are too long");
    for (uint32_t i = 0; i < from.count; ++i) pieces_.push_back(pieces_[from.first + i]);
  }

  // False where some of the word is in no token.
  bool match(std::string_view word, uint32_t at, std::vector<Token> &out) const {
    uint32_t node = begin_;
    auto fail = [&] {
      const Node &n = nodes_[node];
      if (n.failure == Trie::none) return false;
      for (uint32_t i = n.first; i < n.first + n.count; ++i) {
        out.push_back({pieces_[i].id, at, at + pieces_[i].bytes});
        at += pieces_[i].bytes;
      }
      node = n.failure;
      return true;
    };
    for (unsigned char byte : word) {
      uint32_t next;
      while ((next = trie_.child(node, byte)) == Trie::none)
        if (!fail()) return false;
      node = next;
    }
    while (node != middle_)
      if (!fail()) return false;
    return true;
  }

  std::string prefix_;
  uint32_t max_characters_;
  uint32_t unknown_ = 0;
  bool has_unknown_ = false;
  Trie trie_;
  uint32_t begin_ = 0, middle_ = 0;  // the roots of a word's first token and of the others
  std::vector<Node> nodes_;
  std::vector<Piece> pieces_;
};

}  // namespace

std::unique_ptr<Model> make_wordpiece(const Json &j) { return std::make_unique<WordPiece>(j); }

}  // namespace text
