// A sentencepiece model made from its serialized bytes; results are those of Python's `sentencepiece` package.
//
// Immutable and safe to use from several threads. Texts must be valid UTF-8 (the caller checks). Throws Error.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "encoding.h"
#include "error.h"

namespace sentencepiece {
class SentencePieceProcessor;
}

namespace text {

struct SentencePieceOptions {
  bool add_bos = false, add_eos = false;
  bool reverse = false;                // before bos and eos are added
  std::optional<uint32_t> max_length;  // tokens, bos and eos counted; `left`: the beginning is cut off, not the end
  bool left = false;
  bool emit_unk_piece = false;  // an unknown piece is spelled "<unk>", not as in the text; ids are the same
  struct Sampling {
    int nbest_size = -1;  // unigram: < 0 all segmentations, > 1 (at most 512) the best n; bpe: not used
    float alpha = 0.1F;   // unigram: inverse temperature; bpe: probability of leaving out a merge
    uint32_t seed = 0;    // the same seed gives the same segmentation
  };
  std::optional<Sampling> sampling;
};

class SentencePiece {
 public:
  explicit SentencePiece(std::string_view model);  // copies what it keeps
  ~SentencePiece();

  std::vector<int> encode(std::string_view s, const SentencePieceOptions &) const;
  // Offsets cover the text that a piece came from; bos and eos have empty ranges. Types are 0.
  Encoding tokenize(std::string_view s, const SentencePieceOptions &, OffsetUnit) const;
  std::string decode(const std::vector<int> &ids) const;

  int size() const;
  int checked(int64_t id) const;  // throws where the model has no such piece
  std::string_view piece(int id) const;
  int id(std::string_view piece) const;  // the unknown piece's where there is none
  // -1 where the model has none.
  int bos() const;
  int eos() const;
  int unk() const;
  int pad() const;

 private:
  void check_sampling(std::string_view text, const SentencePieceOptions::Sampling &) const;
  void add_ends(std::vector<int> &ids, const SentencePieceOptions &) const;
  template <class T>
  static void shorten(std::vector<T> &, const SentencePieceOptions &);
  std::unique_ptr<sentencepiece::SentencePieceProcessor> processor_;
  bool unigram_ = false;
};

}  // namespace text
