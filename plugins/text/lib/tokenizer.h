// A tokenizer made from the text of a tokenizer.json, as Hugging Face's library writes it: added tokens, normalizer,
// pre-tokenizer, model, post-processor, decoder. Ids, pieces and offsets are those of that library.
//
// Safe to use from several threads. Texts are valid UTF-8 below 1 GiB (the caller checks). Throws Error.
#pragma once
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "added_tokens.h"
#include "decoders.h"
#include "encoding.h"
#include "models.h"
#include "normalizers.h"
#include "postprocessors.h"
#include "pretokenizers.h"
#include "word_cache.h"

namespace text {

struct TokenizerOptions {
  std::optional<std::string_view> pair;  // a second text
  bool special = true;                   // add the special tokens around the texts
  bool parse_special = false;          // find special tokens that a text spells out ("[SEP]"); else they are plain text
  std::optional<uint32_t> max_length;  // instead of the file's truncation; special tokens count
  uint64_t seed = 0, number = 0;       // of the random numbers, where it draws some: in a batch, the text's number
};

class Tokenizer {
 public:
  explicit Tokenizer(std::string_view json);

  std::vector<int64_t> encode(std::string_view s, const TokenizerOptions &) const;
  Encoding tokenize(std::string_view s, const TokenizerOptions &, OffsetUnit) const;
  bool draws() const { return model_->draws(); }  // BPE's dropout: tokens depend on the seed
  // Brings the results of a batch to the length of its longest, where the file's padding is "BatchLongest". Arrays
  // besides ids may be empty.
  void pad_batch(std::vector<Encoding> &) const;
  // Ids that are in no vocabulary are left out, as special tokens are unless they are wanted.
  std::string decode(const std::vector<int64_t> &ids, bool skip_special) const;

  std::string normalized(std::string_view s) const;  // what the normalizer makes of a text

  size_t size() const;  // with the added tokens
  const std::string *piece(uint32_t id) const;
  std::optional<uint32_t> id(std::string_view piece) const;

 private:
  struct Work {  // memory that one call uses, kept for later ones
    WordCache cache;
    std::vector<Token> tokens;
    std::vector<AddedTokens::Part> parts, inner;
    PreTokenized pre;
    std::vector<size_t> begins;  // of words, in tokens, where the end of a text is kept
  };
  class Lease;
  struct Truncation {
    uint32_t max_length;
    enum Strategy { longest_first, only_first, only_second } strategy;
    bool left;
  };
  struct Padding {
    std::optional<uint32_t> length;  // nothing: that of the batch's longest
    uint32_t multiple_of;            // 0: none
    bool left;
    uint32_t id, type;
    std::string piece;
  };
  enum class Detail { ids, all };

  Encoding run(std::string_view s, const TokenizerOptions &, Detail, OffsetUnit) const;
  // What one text goes through; the parts that a truncation cannot keep are left out.
  struct Job {
    const TokenizerOptions &options;
    Detail detail;
    const Truncation *truncation;  // nullptr: none
    Random &random;
    Encoding &out;
    // A word reached the limit: nothing behind it can be kept. Added tokens alone never do, as in the peer.
    bool enough = false;
  };
  Encoding one(std::string_view s, int64_t type, const TokenizerOptions &, Detail, OffsetUnit, const Truncation *,
               Random &) const;
  void segment(Work &, Normalized n, Job &) const;
  void model_part(Work &, Job &) const;
  void add_token(const AddedToken &, std::string_view spelled, Offsets, const Job &) const;
  void truncate(std::vector<Encoding> &, const TokenizerOptions &, const Truncation &) const;
  void pad(Encoding &, size_t length) const;

  std::unique_ptr<Normalizer> normalizer_;
  std::unique_ptr<PreTokenizer> pretokenizer_;
  std::unique_ptr<Model> model_;
  std::unique_ptr<PostProcessor> postprocessor_;
  std::unique_ptr<Decoder> decoder_;
  AddedTokens added_;
  std::optional<Truncation> truncation_;
  std::optional<Padding> padding_;
  bool always_track_ = false;

  mutable std::mutex idle_mutex_;
  mutable std::vector<std::unique_ptr<Work>> idle_;
};

}  // namespace text
