#include "models.h"

#include "budget.h"
#include "polling.h"

namespace text {
namespace {

class WordLevel final : public Model {
 public:
  explicit WordLevel(const Json &j) {
    vocabulary_ = read_vocabulary(member(j, "vocab"));
    unknown_ = string_member(j, "unk_token", "<unk>");
  }
  void run(std::string_view part, uint32_t at, std::vector<Token> &out, Random &) const override {
    const uint32_t *id = vocabulary_.id(part);
    if (!id) id = vocabulary_.id(unknown_);
    if (!id) bad_input("a word is not in the vocabulary, which has no unknown token");
    out.push_back({*id, at, at + uint32_t(part.size())});
  }

 private:
  std::string unknown_;
};

}  // namespace

void Vocabulary::add(std::string token, uint32_t id) {
  if (id >= max_ids) bad_config("id " + std::to_string(id) + " is above " + std::to_string(max_ids - 1));
  Polling::now();
  const auto &entry = *ids_.insert_or_assign(std::move(token), id).first;
  if (id >= tokens_.size()) {
    constexpr uint32_t usual_gap = 4096;
    if (id - tokens_.size() > usual_gap) Budget::take((id - tokens_.size()) * sizeof(tokens_[0]));
    tokens_.resize(id + 1);
  }
  tokens_[id] = &entry.first;
}

Vocabulary read_vocabulary(const Json &object) {
  if (!object.is_object()) bad_config("\"vocab\" is not an object");
  Vocabulary out;
  for (const auto &[token, id] : object.items()) out.add(token, to_uint(id, "an id"));
  return out;
}

ByteTokens::ByteTokens(const Vocabulary &vocabulary) {
  static const char digits[] = "0123456789ABCDEF";
  for (unsigned b = 0; b < 256; ++b) {
    const uint32_t *id = vocabulary.id(std::string("<0x") + digits[b >> 4] + digits[b & 15] + '>');
    ids_.push_back(id ? *id : UINT32_MAX);
  }
}

std::vector<uint32_t> ByteTokens::spell(std::string_view s) const {
  std::vector<uint32_t> out;
  if (ids_.empty()) return out;
  for (unsigned char b : s) {
    if (ids_[b] == UINT32_MAX) return {};
    out.push_back(ids_[b]);
  }
  return out;
}

std::unique_ptr<Model> make_wordlevel(const Json &j) { return std::make_unique<WordLevel>(j); }

std::unique_ptr<Model> make_model(const Json &j) {
  std::string type = string_member(j, "type", "");
  if (type.empty())  // as older files: by what they hold
    type = optional_member(j, "merges") ? "BPE"
           : optional_member(j, "continuing_subword_prefix") || optional_member(j, "max_input_chars_per_word")
               ? "WordPiece"
           : member(j, "vocab").is_array() ? "Unigram"
                                           : "WordLevel";
  if (type == "WordPiece") return make_wordpiece(j);
  if (type == "BPE") return make_bpe(j);
  if (type == "Unigram") return make_unigram(j);
  if (type == "WordLevel") return make_wordlevel(j);
  bad_config("no model is called \"" + type + '"');
}

}  // namespace text
