// Byte-pair encoding: neighbours are merged in the order of the merges' ranks, leftmost first. Short words by scanning,
// long ones with a heap over a linked list: O(n log n) for any input.
#include <algorithm>
#include <array>
#include <queue>

#include "byte_level.h"
#include "models.h"
#include "utf8.h"

namespace text {
namespace {

// (left, right) to (rank, merged): open addressing, at most half full.
class Merges {
 public:
  struct Merge {
    uint32_t rank = UINT32_MAX, id = 0;
  };
  void reserve(size_t count) {
    size_t size = 64;
    while (size < 2 * count) size *= 2;
    slots_.assign(size, Slot{empty, {}});
  }
  void set(uint32_t left, uint32_t right, Merge merge) {
    const uint64_t key = uint64_t(left) << 32 | right;
    size_t i = hash(key) & (slots_.size() - 1);
    while (slots_[i].key != empty && slots_[i].key != key) i = (i + 1) & (slots_.size() - 1);
    slots_[i] = {key, merge};
  }
  Merge get(uint32_t left, uint32_t right) const {
    const uint64_t key = uint64_t(left) << 32 | right;
    for (size_t i = hash(key) & (slots_.size() - 1);; i = (i + 1) & (slots_.size() - 1)) {
      if (slots_[i].key == key) return slots_[i].merge;
      if (slots_[i].key == empty) return {};
    }
  }

 private:
  static constexpr uint64_t empty = UINT64_MAX;
  struct Slot {
    uint64_t key;
    Merge merge;
  };
  static size_t hash(uint64_t key) { return size_t((key * 0x9e3779b97f4a7c15u) >> 29); }
  std::vector<Slot> slots_;
};

struct Symbol {
  uint32_t id, bytes;
};

class Bpe final : public Model {
 public:
  explicit Bpe(const Json &j)
      : prefix_(string_member(j, "continuing_subword_prefix", "")),
        suffix_(string_member(j, "end_of_word_suffix", "")),
        fuse_unknown_(bool_member(j, "fuse_unk", false)),
        ignore_merges_(bool_member(j, "ignore_merges", false)) {
    if (const Json *dropout = optional_member(j, "dropout"))
      if (!dropout->is_number() || dropout->get<double>() != 0)
        bad_config("BPE: dropout is for training; wanted null or 0");
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

  bool take_bytes() override {
    if (!prefix_.empty() || !suffix_.empty() || byte_fallback_) return false;
    raw_ = true;
    letters_.fill(missing);
    for (const auto &[token, id] : vocabulary_.ids()) {
      const auto bytes = letters_to_bytes(token);
      if (!bytes) continue;
      if (bytes->size() == 1) letters_[static_cast<unsigned char>((*bytes)[0])] = id;
      if (ignore_merges_) whole_.emplace(*bytes, id);
    }
    return true;
  }

  void run(std::string_view part, uint32_t at, std::vector<Token> &out) const override {
    if (ignore_merges_) {
      const uint32_t *id = find_whole(part);
      if (id) {
        out.push_back({*id, at, at + uint32_t(part.size())});
        return;
      }
    }
    constexpr size_t short_word = 48;
    if (raw_ && part.size() <= short_word) {
      std::array<Symbol, short_word> symbols;
      size_t count = 0;
      Unknown unknown(*this);
      for (char c : part) {
        const uint32_t id = letters_[static_cast<unsigned char>(c)];
        if (id == missing) {
          unknown.add(1, [&](Symbol s) { symbols[count++] = s; });
        } else {
          unknown.flush([&](Symbol s) { symbols[count++] = s; });
          symbols[count++] = {id, 1};
        }
      }
      unknown.flush([&](Symbol s) { symbols[count++] = s; });
      count = merge_by_scanning(symbols.data(), count);
      emit(symbols.data(), count, at, out);
      return;
    }
    std::vector<Symbol> symbols = split(part);
    const size_t count =
        symbols.size() <= short_word ? merge_by_scanning(symbols.data(), symbols.size()) : merge_by_heap(symbols);
    emit(symbols.data(), count, at, out);
  }

 private:
  static constexpr uint32_t missing = UINT32_MAX;

  // Characters without a token: each is the unknown token, or a run of them is where they are fused; they vanish where
  // there is no unknown token.
  class Unknown {
   public:
    explicit Unknown(const Bpe &bpe) : bpe_(bpe) {}
    template <class Put>
    void add(uint32_t bytes, Put put) {
      if (!bpe_.has_unknown_) return;
      if (bpe_.unknown_ == missing) throw mrun::error(MRUN_INPUT, "BPE: the unknown token is not in the vocabulary");
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
      merges_.set(known(left), known(right),
                  {rank, known(left + right.substr(std::min(prefix_.size(), right.size())))});
      ++rank;
    }
  }

  uint32_t known(const std::string &token) const {
    const uint32_t *id = vocabulary_.id(token);
    if (!id) bad_config("BPE: a merge names \"" + token + "\", which is not in the vocabulary");
    return *id;
  }

  std::vector<Symbol> split(std::string_view part) const {
    std::vector<Symbol> out;
    out.reserve(part.size());
    Unknown unknown(*this);
    auto put = [&](Symbol s) { out.push_back(s); };
    if (raw_) {
      for (char c : part) {
        const uint32_t id = letters_[static_cast<unsigned char>(c)];
        if (id == missing) {
          unknown.add(1, put);
        } else {
          unknown.flush(put);
          put({id, 1});
        }
      }
      unknown.flush(put);
      return out;
    }
    std::string spelled;
    for (size_t at = 0; at < part.size();) {
      const size_t begin = at;
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
    const std::vector<uint32_t> ids = bytes_.spell(spelled);
    for (uint32_t id : ids) put({id, 1});
    return !ids.empty();
  }

  static void emit(const Symbol *symbols, size_t count, uint32_t at, std::vector<Token> &out) {
    for (size_t i = 0; i < count; ++i) {
      out.push_back({symbols[i].id, at, at + symbols[i].bytes});
      at += symbols[i].bytes;
    }
  }

  // Returns how many symbols are left.
  size_t merge_by_scanning(Symbol *symbols, size_t count) const {
    constexpr size_t most = 64;
    std::array<Merges::Merge, most> pairs;
    for (size_t i = 0; i + 1 < count; ++i) pairs[i] = merges_.get(symbols[i].id, symbols[i + 1].id);
    while (count > 1) {
      size_t best = 0;
      for (size_t i = 1; i + 1 < count; ++i)
        if (pairs[i].rank < pairs[best].rank) best = i;
      if (pairs[best].rank == UINT32_MAX) break;
      symbols[best] = {pairs[best].id, symbols[best].bytes + symbols[best + 1].bytes};
      std::copy(symbols + best + 2, symbols + count, symbols + best + 1);
      if (best + 2 < count) std::copy(&pairs[best + 2], &pairs[count - 1], &pairs[best + 1]);
      --count;
      if (best > 0) pairs[best - 1] = merges_.get(symbols[best - 1].id, symbols[best].id);
      if (best + 1 < count) pairs[best] = merges_.get(symbols[best].id, symbols[best + 1].id);
    }
    return count;
  }

  size_t merge_by_heap(std::vector<Symbol> &symbols) const {
    constexpr uint32_t end = UINT32_MAX;
    struct Candidate {
      uint32_t rank, left, id;
      bool operator<(const Candidate &o) const { return rank != o.rank ? rank > o.rank : left > o.left; }
    };
    const auto count = uint32_t(symbols.size());
    std::vector<uint32_t> before(count), behind(count);
    for (uint32_t i = 0; i < count; ++i) {
      before[i] = i > 0 ? i - 1 : end;
      behind[i] = i + 1 < count ? i + 1 : end;
    }
    std::vector<Candidate> found;
    auto candidate = [&](uint32_t left, auto add) {
      const auto m = merges_.get(symbols[left].id, symbols[behind[left]].id);
      if (m.rank != UINT32_MAX) add(Candidate{m.rank, left, m.id});
    };
    for (uint32_t i = 0; i + 1 < count; ++i) candidate(i, [&](Candidate c) { found.push_back(c); });
    std::priority_queue<Candidate> heap(std::less<Candidate>{}, std::move(found));
    auto push = [&](Candidate c) { heap.push(c); };
    while (!heap.empty()) {
      const Candidate c = heap.top();
      heap.pop();
      if (symbols[c.left].bytes == 0 || behind[c.left] == end) continue;
      const uint32_t right = behind[c.left];
      const auto now = merges_.get(symbols[c.left].id, symbols[right].id);
      if (now.rank == UINT32_MAX || now.id != c.id) continue;  // one of the two has merged elsewhere since
      symbols[c.left] = {c.id, symbols[c.left].bytes + symbols[right].bytes};
      symbols[right].bytes = 0;
      behind[c.left] = behind[right];
      if (behind[right] != end) before[behind[right]] = c.left;
      if (before[c.left] != end) candidate(before[c.left], push);
      if (behind[c.left] != end) candidate(c.left, push);
    }
    symbols.erase(std::remove_if(symbols.begin(), symbols.end(), [](const Symbol &s) { return s.bytes == 0; }),
                  symbols.end());
    return symbols.size();
  }

  std::string prefix_, suffix_;
  bool fuse_unknown_, ignore_merges_;
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

}  // namespace text
