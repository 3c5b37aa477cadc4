// Byte-pair encoding: what a word's symbols are; bpe_merge.h merges them.
#include <algorithm>

#include "bpe_merge.h"
#include "budget.h"
#include "byte_level.h"
#include "models.h"
#include "polling.h"
#include "utf8.h"

namespace text {
namespace {

class Bpe final : public Model {
 public:
  explicit Bpe(const Json &j)
      : prefix_(string_member(j, "continuing_subword_prefix", "")),
        suffix_(string_member(j, "end_of_word_suffix", "")),
        fuse_unknown_(bool_member(j, "fuse_unk", false)),
        ignore_merges_(bool_member(j, "ignore_merges", false)) {
    if (const Json *dropout = optional_member(j, "dropout")) {
      if (!dropout->is_number() || dropout->get<double>() < 0 || dropout->get<double>() > 1)
        bad_config("BPE: \"dropout\" is not a number from 0 to 1");
      dropout_ = dropout->get<float>();
    }
    if (prefix_.size() > longest_affix || suffix_.size() > longest_affix)
      bad_config("BPE: \"continuing_subword_prefix\" or \"end_of_word_suffix\" is longer than " +
                 std::to_string(longest_affix) + " bytes");
    vocabulary_ = read_vocabulary(member(j, "vocab"));
    byte_fallback_ = bool_member(j, "byte_fallback", false);
    if (byte_fallback_) bytes_ = ByteTokens(vocabulary_);
    if (optional_member(j, "unk_token")) {
      const std::string &unknown = string_member(j, "unk_token");
      const uint32_t *id = vocabulary_.id(unknown);
      has_unknown_ = true;
      unknown_ = id ? *id : missing;
    }
    read_merges(array_member(j, "merges"));
  }

  Bpe(const Ranks &ranks, const Ranks &special) : fuse_unknown_(false), ignore_merges_(true), raw_(true) {
    letters_.fill(missing);
    for (const auto &[bytes, rank] : ranks) {
      if (vocabulary_.token(rank)) bad_input("tiktoken: rank " + std::to_string(rank) + " comes twice");
      vocabulary_.add(bytes_to_letters(bytes), rank);
      const auto [known, added] = whole_.emplace(bytes, rank);
      if (!added)
        bad_input("tiktoken: ranks " + std::to_string(known->second) + " and " + std::to_string(rank) +
                  " have the same token");
      if (bytes.size() == 1) letters_[static_cast<unsigned char>(bytes[0])] = rank;
    }
    for (const auto &[token, id] : special) {
      if (vocabulary_.token(id)) bad_argument("special: " + std::to_string(id) + " is the id of another token");
      vocabulary_.add(token, id);
    }
    set_ranked_merges(ranks);
  }

  bool take_bytes() override {
    if (raw_) return true;
    if (!prefix_.empty() || !suffix_.empty() || byte_fallback_) return false;
    raw_ = true;
    letters_.fill(missing);
    for (const auto &[token, id] : vocabulary_.ids()) {
      Polling::now();
      const auto bytes = letters_to_bytes(token);
      if (!bytes) continue;
      if (bytes->size() == 1) letters_[static_cast<unsigned char>((*bytes)[0])] = id;
      if (ignore_merges_) whole_.emplace(*bytes, id);
    }
    return true;
  }

  bool draws() const override { return dropout_ > 0; }

  void run(std::string_view part, uint32_t at, std::vector<Token> &out, Random &random) const override {
    if (dropout_ > 0) {
      std::vector<Symbol> symbols = split(part);
      merges_.merge_with_dropout(symbols, dropout_, random);
      emit(symbols.data(), symbols.size(), at, part.size(), out);
      return;
    }
    if (ignore_merges_) {
      if (const uint32_t *id = find_whole(part)) {
        out.push_back({*id, at, at + uint32_t(part.size())});
        return;
      }
    }
    if (raw_ && part.size() <= Merges::short_word) {
      std::array<Symbol, Merges::short_word> symbols;
      size_t count = 0;
      split_bytes(part, [&](Symbol s) { symbols[count++] = s; });
      emit(symbols.data(), merges_.merge_short(symbols.data(), count), at, part.size(), out);
      return;
    }
    std::vector<Symbol> symbols = split(part);
    merges_.merge(symbols);
    emit(symbols.data(), symbols.size(), at, part.size(), out);
  }

 private:
  static constexpr uint32_t missing = UINT32_MAX;
  static constexpr size_t longest_affix = 256;  // a text has as many copies as characters

  // Characters without a token: each is the unknown token, or a run of them is where they are fused; they vanish where
  // there is no unknown token.
  class Unknown {
   public:
    explicit Unknown(const Bpe &bpe) : bpe_(bpe) {}
    template <class Put>
    void add(uint32_t bytes, Put put) {
      if (!bpe_.has_unknown_) return;
      if (bpe_.unknown_ == missing) bad_input("BPE: the unknown token is not in the vocabulary");
      if (!bpe_.fuse_unknown_) flush(put);
      bytes_ += bytes;
    }
    template <class Put>
    void flush(Put put) {
      if (bytes_) put(Symbol{bpe_.unknown_, bytes_});
      bytes_ = 0;
    }

   private:
    const Bpe &bpe_;
    uint32_t bytes_ = 0;
  };

  const uint32_t *find_whole(std::string_view part) const {
    if (!raw_) return vocabulary_.id(part);
    auto it = whole_.find(part);
    return it == whole_.end() ? nullptr : &it->second;
  }

  void read_merges(const Json &list) {
    merges_.reserve(list.size());
    uint32_t rank = 0;
    for (const Json &one : list) {
      std::string left, right;
      if (one.is_string()) {
        const std::string &text = one.get_ref<const std::string &>();
        const size_t space = text.find(' ');
        if (space == std::string::npos || text.find(' ', space + 1) != std::string::npos)
          bad_config("BPE: merge " + std::to_string(rank) + " is not two tokens");
        left = text.substr(0, space);
        right = text.substr(space + 1);
      } else {
        if (!one.is_array() || one.size() != 2 || !one[0].is_string() || !one[1].is_string())
          bad_config("BPE: merge " + std::to_string(rank) + " is not two tokens");
        left = one[0].get<std::string>();
        right = one[1].get<std::string>();
      }
      Polling::now();
      merges_.set(known(left), known(right),
                  {rank, known(left + right.substr(std::min(prefix_.size(), right.size())))});
      ++rank;
    }
    merges_.finish(Merges::Ranks::distinct);
  }

  // Every way in which two tokens make a third, with the third's rank.
  void set_ranked_merges(const Ranks &ranks) {
    struct Found {
      uint32_t left, right, rank;
    };
    std::vector<Found> found;
    for (const auto &[bytes, rank] : ranks) {
      const std::string_view all = bytes;
      Polling::now(unsigned(all.size()));
      for (size_t i = 1; i < all.size(); ++i) {
        const auto left = whole_.find(all.substr(0, i)), right = whole_.find(all.substr(i));
        if (left != whole_.end() && right != whole_.end()) found.push_back({left->second, right->second, rank});
      }
    }
    merges_.reserve(found.size());
    for (const Found &f : found) merges_.set(f.left, f.right, {f.rank, f.rank});
    merges_.finish(Merges::Ranks::shared);
  }

  uint32_t known(const std::string &token) const {
    const uint32_t *id = vocabulary_.id(token);
    if (!id) bad_config("BPE: a merge names \"" + token + "\", which is not in the vocabulary");
    return *id;
  }

  // The bytes of a word, where the vocabulary has letters for them.
  template <class Put>
  void split_bytes(std::string_view part, Put put) const {
    Unknown unknown(*this);
    for (char c : part) {
      const uint32_t id = letters_[static_cast<unsigned char>(c)];
      if (id == missing) {
        unknown.add(1, put);
      } else {
        unknown.flush(put);
        put(Symbol{id, 1});
      }
    }
    unknown.flush(put);
  }

  std::vector<Symbol> split(std::string_view part) const {
    std::vector<Symbol> out;
    out.reserve(part.size());
    auto put = [&](Symbol s) { out.push_back(s); };
    if (raw_) {
      split_bytes(part, put);
      return out;
    }
    Unknown unknown(*this);
    std::string spelled;
    for (size_t at = 0; at < part.size();) {
      const size_t begin = at;
      Polling::now();
      utf8_next(part, at);
      spelled = begin > 0 ? prefix_ : "";
      spelled += part.substr(begin, at - begin);
      if (at == part.size()) spelled += suffix_;
      if (const uint32_t *id = vocabulary_.id(spelled)) {
        unknown.flush(put);
        put({*id, uint32_t(at - begin)});
      } else if (!fall_back(spelled, put)) {
        unknown.add(uint32_t(at - begin), put);
      }
    }
    unknown.flush(put);
    return out;
  }

  // A character as its bytes' tokens; false where one has none. An unknown run before it stays behind it, as in the
  // peer.
  template <class Put>
  bool fall_back(std::string_view spelled, Put put) const {
    constexpr size_t one_character = 4;
    const std::vector<uint32_t> ids = bytes_.spell(spelled);
    if (ids.size() > one_character) Budget::take(ids.size() * memory_per_byte);
    for (uint32_t id : ids) put({id, 1});
    return !ids.empty();
  }

  // Bytes of a prefix or suffix may have tokens of their own (byte_fallback): these stand for the part's last byte.
  static void emit(const Symbol *symbols, size_t count, uint32_t at, size_t bytes, std::vector<Token> &out) {
    const uint32_t last = at + uint32_t(bytes);
    for (size_t i = 0; i < count; ++i) {
      const uint32_t end = std::min(at + symbols[i].bytes, last);
      out.push_back({symbols[i].id, std::min(at, last - 1), end});
      at = end;
    }
  }

  std::string prefix_, suffix_;
  bool fuse_unknown_, ignore_merges_;
  float dropout_ = 0;
  bool has_unknown_ = false;
  uint32_t unknown_ = missing;
  bool byte_fallback_ = false;
  ByteTokens bytes_;
  Merges merges_;
  bool raw_ = false;
  std::array<uint32_t, 256> letters_{};  // raw: the token of each byte
  TextMap<uint32_t> whole_;              // raw, with ignore_merges: the tokens by their bytes
};

}  // namespace

std::unique_ptr<Model> make_bpe(const Json &j) { return std::make_unique<Bpe>(j); }
std::unique_ptr<Model> make_ranked_bpe(const Ranks &ranks, const Ranks &special) {
  return std::make_unique<Bpe>(ranks, special);
}

}  // namespace text
