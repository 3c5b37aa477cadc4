// Unigram: the segmentation with the highest sum of the tokens' scores (Viterbi, arXiv 1804.10959). Unknown characters
// are fused, then spelled in bytes where the vocabulary has them.
#include <algorithm>
#include <limits>

#include "models.h"
#include "polling.h"
#include "trie.h"
#include "utf8.h"

namespace text {
namespace {

class Unigram final : public Model {
 public:
  explicit Unigram(const Json &j) {
    const Json &list = array_member(j, "vocab");
    root_ = trie_.add_root();
    double lowest = std::numeric_limits<double>::infinity();
    for (const Json &one : list) {
      if (!one.is_array() || one.size() != 2 || !one[0].is_string() || !one[1].is_number())
        bad_config("Unigram: an entry of the vocabulary is not a token and a score");
      const auto id = uint32_t(scores_.size());
      const std::string &token = one[0].get_ref<const std::string &>();
      const double score = one[1].get<double>();
      vocabulary_.add(token, id);
      scores_.push_back(score);
      lowest = std::min(lowest, score);
      if (token.empty()) continue;
      const uint32_t node = trie_.insert(root_, token);
      ids_.resize(trie_.size(), Trie::none);
      ids_[node] = id;
    }
    ids_.resize(trie_.size(), Trie::none);
    if (const Json *unknown = optional_member(j, "unk_id")) {
      unknown_ = to_uint(*unknown, "unk_id");
      if (unknown_ >= scores_.size()) bad_config("Unigram: unk_id is not in the vocabulary");
    }
    // sentencepiece's: an unknown character is worse than any token, but possible.
    constexpr double penalty = 10;
    unknown_score_ = lowest - penalty;
    if (bool_member(j, "byte_fallback", false)) bytes_ = ByteTokens(vocabulary_);
  }

  void run(std::string_view part, uint32_t at, std::vector<Token> &out, Random &) const override {
    const std::vector<Step> best = search(part);
    const size_t before = out.size();
    for (size_t end = part.size(); end > 0;) {
      size_t begin = best[end].begin;
      const uint32_t id = best[end].id;
      if (id == unknown_)
        while (begin > 0 && best[begin].id == unknown_) begin = best[begin].begin;
      add(part, begin, end, id, at, out);
      end = begin;
    }
    std::reverse(out.begin() + ptrdiff_t(before), out.end());
  }

 private:
  struct Step {
    double score = 0;
    uint32_t begin = none, id = 0;
  };
  static constexpr uint32_t none = UINT32_MAX;

  // best[end]: the best way to cut the first `end` bytes, by its last token. Of equal ones the one that was found first.
  std::vector<Step> search(std::string_view part) const {
    std::vector<Step> best(part.size() + 1);
    auto offer = [&](size_t begin, size_t end, double score, uint32_t id) {
      Step &s = best[end];
      score += best[begin].score;
      if (s.begin != none && score <= s.score) return;
      s = {score, uint32_t(begin), id};
    };
    for (size_t begin = 0; begin < part.size();) {
      const size_t width = utf8_width(static_cast<unsigned char>(part[begin]));
      bool single = false;
      uint32_t node = root_;
      size_t end = begin;
      while (end < part.size()) {
        node = trie_.child(node, static_cast<unsigned char>(part[end++]));
        if (node == Trie::none) break;
        if (ids_[node] == Trie::none) continue;
        offer(begin, end, scores_[ids_[node]], ids_[node]);
        single = single || end - begin == width;
      }
      Polling::steps(end - begin);
      if (!single) {
        if (unknown_ == none) bad_input("a character is not in the vocabulary, which has no unknown token");
        offer(begin, begin + width, unknown_score_, unknown_);
      }
      begin += width;
    }
    return best;
  }

  // In reverse, as run goes from the end.
  void add(std::string_view part, size_t begin, size_t end, uint32_t id, uint32_t at, std::vector<Token> &out) const {
    const uint32_t from = at + uint32_t(begin), to = at + uint32_t(end);
    if (id == unknown_) {
      if (const uint32_t *known = vocabulary_.id(part.substr(begin, end - begin))) {
        out.push_back({*known, from, to});
        return;
      }
      const std::vector<uint32_t> bytes = bytes_.spell(part.substr(begin, end - begin));
      for (size_t i = bytes.size(); i > 0; --i) out.push_back({bytes[i - 1], from, to});
      if (!bytes.empty()) return;
    }
    out.push_back({id, from, to, id == unknown_});
  }

  Trie trie_;
  uint32_t root_ = 0;
  std::vector<uint32_t> ids_;  // of trie nodes
  std::vector<double> scores_;
  uint32_t unknown_ = none;
  double unknown_score_ = 0;
  ByteTokens bytes_;
};

}  // namespace

std::unique_ptr<Model> make_unigram(const Json &j) { return std::make_unique<Unigram>(j); }

}  // namespace text
