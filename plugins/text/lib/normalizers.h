// The normalizers that tokenizer.json names.
#pragma once
#include <memory>

#include "config.h"
#include "normalized.h"

namespace text {

class Normalizer {
 public:
  virtual ~Normalizer() = default;
  virtual void run(Normalized &) const = 0;
  // Whether it may put characters into a text that stand for nothing there.
  virtual bool inserts() const { return false; }
};

// nullptr for null.
std::unique_ptr<Normalizer> make_normalizer(const Json &);

// {"String": "x"} or {"Regex": "x"}: what Replace and Split look for.
class Pattern {
 public:
  explicit Pattern(const Json &);
  Pattern(std::string regex, Dialect);
  // f(begin, end) for each match, in order; matches do not overlap, and none is empty right behind another. As in the
  // peer, an empty text has no match.
  template <class F>
  void each(std::string_view s, F f) const {
    if (s.empty()) return;
    if (regex_) return each_match(s, f);
    for (size_t at = 0; (at = s.find(literal_, at)) != std::string_view::npos; at += literal_.size())
      f(uint32_t(at), uint32_t(at + literal_.size()));
  }
  const std::string &source() const { return source_; }
  bool matches_empty() const { return regex_ && regex_->matches_empty(); }

 private:
  template <class F>
  void each_match(std::string_view s, F f) const {
    Regex::Search search(*regex_, s);
    std::vector<Span> groups;
    uint32_t last = no_match;
    for (size_t from = 0; from <= s.size() && search.find(from, groups);) {
      Polling::now();
      const Span m = groups[0];
      if (m.begin < m.end || m.end != last) f(m.begin, m.end);
      from = Regex::after(s, m);
      last = m.end;
    }
  }
  std::string source_;   // of the regular expression
  std::string literal_;  // where it is none
  std::unique_ptr<Regex> regex_;
};

}  // namespace text
