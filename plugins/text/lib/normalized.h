// A text on its way to a model, and where each of its bytes came from.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "budget.h"
#include "encoding.h"
#include "regex.h"
#include "utf8.h"

namespace text {

// `bytes` was made from `original[base, …)`. Where `track` is set, `origin` has for each byte the range of the original
// that it stands for; empty means that nothing has changed yet: each byte stands for its own character.
struct Normalized {
  std::string bytes;
  std::vector<Offsets> origin;
  uint32_t base = 0;
  bool track = true;
  // How long it may become before that is announced, whatever rewrites it (forty rules may double it forty times): the
  // memory that a text has for each byte suffices for three that few characters become, as Hangul's letters.
  size_t announced = 0;

  Normalized() = default;
  Normalized(std::string_view s, uint32_t at, bool tracked)
      : bytes(s), base(at), track(tracked), announced(3 * s.size() + 16) {}
  // The range of the original that bytes [begin, end) stand for; begin < end.
  Offsets original(size_t begin, size_t end) const;
  Normalized part(size_t begin, size_t end) const;  // of a text with bytes there
};

// Rewrites a text from left to right, character by character. Its rules for where a new character comes from are those
// of Hugging Face's NormalizedString.
class Rewriter {
 public:
  explicit Rewriter(Normalized &n) : n_(n), growth_(n.announced, memory_per_byte) { out_.reserve(n.bytes.size() + 16); }

  bool done() const { return at_ >= n_.bytes.size(); }
  size_t position() const { return at_; }         // of the next old character, in bytes
  size_t written() const { return out_.size(); }  // bytes
  char32_t peek() const {
    size_t at = at_;
    return utf8_next(n_.bytes, at);
  }

  // c stands for the next old character (change 0), for it and the -change characters behind it (< 0), or for the old
  // character before (> 0).
  void put(char32_t c, int change = 0);
  void keep() { put(peek()); }
  void skip();  // the next old character has no successor
  // Ends: the text is the new one. What is left of the old is dropped.
  void finish();

 private:
  Offsets next_origin() const;
  void advance();
  Normalized &n_;
  Growth growth_;
  std::string out_;
  std::vector<Offsets> out_origin_;
  size_t at_ = 0;
  Offsets previous_{};  // the origin of the old character before at_
  bool has_previous_ = false;
};

// One new character and what it replaces: see Rewriter::put.
struct Edit {
  char32_t c;
  int change;
};
void apply_edits(Normalized &, const std::vector<Edit> &);

}  // namespace text
