// The models that tokenizer.json names: they turn one part of a text into tokens.
#pragma once
#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "config.h"
#include "keyed_hash.h"

namespace text {

struct Token {
  uint32_t id;
  uint32_t begin, end;   // bytes of the normalized text
  bool spelled = false;  // the piece is the text itself, not the vocabulary's token
};

struct TextHash {
  using is_transparent = void;
  size_t operator()(std::string_view s) const { return KeyedHash::of(s); }
};
template <class T>
using TextMap = std::unordered_map<std::string, T, TextHash, std::equal_to<>>;

constexpr uint32_t max_ids = 1u << 24;

// Token and id, both ways.
class Vocabulary {
 public:
  void add(std::string token, uint32_t id);  // a later one replaces an earlier of the same token
  const uint32_t *id(std::string_view token) const {
    auto it = ids_.find(token);
    return it == ids_.end() ? nullptr : &it->second;
  }
  const std::string *token(uint32_t id) const { return id < tokens_.size() && tokens_[id] ? tokens_[id] : nullptr; }
  size_t size() const { return ids_.size(); }
  size_t id_end() const { return tokens_.size(); }  // above every id: there may be gaps between these
  const TextMap<uint32_t> &ids() const { return ids_; }

 private:
  TextMap<uint32_t> ids_;
  std::vector<const std::string *> tokens_;  // keys of ids_, which stay where they are
};
Vocabulary read_vocabulary(const Json &object);

// The random numbers of one text (splitmix64): the same for the same seed and number of the text in its batch.
class Random {
 public:
  Random(uint64_t seed, uint64_t number) : state_(seed ^ mix(number)) {}
  float next() {  // from 0 to below 1
    state_ += 0x9e3779b97f4a7c15u;
    return float(mix(state_) >> 40) * 0x1p-24F;
  }

 private:
  static uint64_t mix(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  uint64_t state_;
};

class Model {
 public:
  virtual ~Model() = default;
  const Vocabulary &vocabulary() const { return vocabulary_; }
  // The tokens of `part`, which begins at byte `at` of its text, are added to `out`.
  virtual void run(std::string_view part, uint32_t at, std::vector<Token> &out, Random &) const = 0;
  virtual bool draws() const { return false; }  // whether run uses random numbers
  // Whether the words that run gets may be bytes where the vocabulary has GPT-2's letters for them; from then on they
  // are.
  virtual bool take_bytes() { return false; }

 protected:
  Vocabulary vocabulary_;
};

std::unique_ptr<Model> make_wordpiece(const Json &);
std::unique_ptr<Model> make_bpe(const Json &);
// Bytes and their ranks, which are the ids: neighbours become one where that is in the list, the lowest rank first.
// `special`: further tokens and their ids, which no text becomes.
using Ranks = std::vector<std::pair<std::string, uint32_t>>;
std::unique_ptr<Model> make_ranked_bpe(const Ranks &, const Ranks &special);
std::unique_ptr<Model> make_unigram(const Json &);
std::unique_ptr<Model> make_wordlevel(const Json &);
std::unique_ptr<Model> make_model(const Json &);

// The byte fall-back: the ids of "<0x00>" to "<0xFF>".
class ByteTokens {
 public:
  ByteTokens() = default;  // none
  explicit ByteTokens(const Vocabulary &);
  // The ids of the text's bytes; empty where one of them has no token.
  std::vector<uint32_t> spell(std::string_view s) const;

 private:
  std::vector<uint32_t> ids_;
};

}  // namespace text
