// A tokenizer as Hugging Face's library has it: added tokens, normalizer, pre-tokenizer, model, post-processor, decoder.
// Ids, pieces and offsets are those of that library.
//
// Safe to use from several threads. Texts are valid UTF-8 below 1 GiB (the caller checks). Throws Error.
#pragma once
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "added_tokens.h"
#include "decoders.h"
#include "encoding.h"
#include "models.h"
#include "normalizers.h"
#include "padding.h"
#include "postprocessors.h"
#include "pretokenizers.h"
#include "truncation.h"
#include "word_cache.h"

namespace text {

// A text, or one that is cut into words already. Offsets are then those of each word.
using Words = std::vector<std::string_view>;
using Input = std::variant<std::string_view, Words>;

struct TokenizerOptions {
  std::optional<Input> pair;   // a second text
  bool special = true;         // add the special tokens around the texts
  bool parse_special = false;  // find special tokens that a text spells out ("[SEP]"); else they are plain text
  std::optional<Truncation> truncation;  // instead of the file's
  bool overflowing = false;              // with the other parts of a text that is cut
  bool padded = true;                    // as `padding` says, or the file
  std::optional<Padding> padding;        // instead of the file's
  bool marks = false;                    // words, sequences, special, attention
  uint64_t seed = 0, number = 0;         // of the random numbers, where it draws some: in a batch, the text's number
};

struct TokenizerParts {
  std::unique_ptr<Normalizer> normalizer;
  std::unique_ptr<PreTokenizer> pretokenizer;
  std::unique_ptr<Model> model;
  std::unique_ptr<PostProcessor> postprocessor;
  std::unique_ptr<Decoder> decoder;
  AddedTokens added;
  std::optional<Truncation> truncation;
  std::optional<Padding> padding;
  std::string pad;  // the token that pads where neither the file nor a call says how
};
TokenizerParts read_tokenizer_json(std::string_view);

class Tokenizer {
 public:
  explicit Tokenizer(TokenizerParts);
  explicit Tokenizer(std::string_view json) : Tokenizer(read_tokenizer_json(json)) {}

  std::vector<int64_t> encode(const Input &, const TokenizerOptions &) const;
  Encoding encoding(const Input &, const TokenizerOptions &) const;  // without offsets and pieces
  Encoding tokenize(const Input &, const TokenizerOptions &, OffsetUnit) const;
  bool draws() const { return parts_.model->draws(); }  // BPE's dropout: tokens depend on the seed
  // Brings the results of a batch to the length of its longest, where padding is to that.
  void pad_batch(std::vector<Encoding> &, const TokenizerOptions &) const;
  const std::optional<Truncation> &truncation() const { return parts_.truncation; }  // the file's
  const std::optional<Padding> &padding() const { return parts_.padding; }
  const std::string &pad_token() const { return parts_.pad; }  // see TokenizerParts::pad
  // Ids that are in no vocabulary are left out, as special tokens are unless they are wanted.
  std::string decode(const std::vector<int64_t> &ids, bool skip_special) const;

  std::string normalized(std::string_view s) const;  // what the normalizer makes of a text

  size_t size() const;    // with the added tokens
  size_t id_end() const;  // above every id: more than size() where there are gaps between the ids
  const std::string *piece(uint32_t id) const;
  std::optional<uint32_t> id(std::string_view piece) const;

 private:
  // A part of a text: an added token, or what the model cuts.
  struct Segment {
    const AddedToken *token;  // nullptr: `pre`
    std::string spelled;
    Offsets offsets;
    PreTokenized pre;
    int64_t word = 0;  // the number of its first word
  };
  struct Block {  // the tokens of a word, in Work::tokens
    const Segment *segment;
    size_t begin, count;
    int64_t word;
  };
  struct Work {  // memory that one call uses, kept for later ones
    WordCache cache;
    std::vector<Token> tokens;
    std::vector<AddedTokens::Part> parts, inner;
    Segment segment;
  };
  class Lease;

  // One text on its way. The words that a truncation cannot keep are not looked at.
  struct Job {
    Job(const TokenizerOptions &o, Wanted w, OffsetUnit u, const Truncation *t, Random &r)
        : options(o), wanted(w), unit(u), truncation(t), random(r) {}
    const TokenizerOptions &options;
    const Wanted wanted;
    const OffsetUnit unit;
    const Truncation *const truncation;  // nullptr: none
    Random &random;
    size_t tokens = 0;  // until now
    // As many as there were when a word reached the limit. Added tokens alone never do, as in the peer.
    std::optional<size_t> counted;
    int64_t word = 0;    // the number of the next
    bool split = false;  // the text is a word, of that number

    bool left() const { return truncation && truncation->left; }
    bool is_over() const { return counted && !options.overflowing; }
    int64_t next_word() { return split ? word : word++; }
    void add_word(size_t count) {
      tokens += count;
      if (truncation && !counted && tokens >= truncation->max_length) counted = tokens;
    }
  };
  Encoding run(const Input &, const TokenizerOptions &, Wanted, OffsetUnit) const;
  Encoding one(const Input &, Job &) const;
  Encoding words(const Words &, Job &) const;
  Encoding text(std::string_view, Job &) const;
  // Calls f(segment) for each part of a text; f returns false to stop.
  template <class F>
  void each_segment(Work &, std::string_view, Job &, F f) const;
  template <class F>
  bool each_normalized(Work &, Normalized, Job &, F f) const;
  void from_the_left(Work &, std::string_view, Job &, Encoding &) const;
  void from_the_right(Work &, std::string_view, Job &, Encoding &) const;
  void word(Work &, const PreTokenized &, Span, Job &) const;  // its tokens become Work::tokens' last
  void emit(const Work &, const Block &, Encoding &) const;
  void truncate(std::vector<Encoding> &, const std::vector<size_t> &counted, const TokenizerOptions &,
                const Truncation &) const;

  TokenizerParts parts_;
  bool always_track_ = false;

  mutable std::mutex idle_mutex_;
  mutable std::vector<std::unique_ptr<Work>> idle_;
};

}  // namespace text
