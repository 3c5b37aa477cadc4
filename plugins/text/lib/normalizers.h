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
};

// nullptr for null.
std::unique_ptr<Normalizer> make_normalizer(const Json &);

// {"String": "x"} or {"Regex": "x"}: what Replace and Split look for.
class Pattern {
 public:
  explicit Pattern(const Json &);
  // f(begin, end) for each match, in order; matches do not overlap.
  template <class F>
  void each(std::string_view s, F f) const {
    if (regex_) {
      regex_->each(s, [&](const std::vector<Span> &groups) {
        f(groups[0].begin, groups[0].end);
        return true;
      });
      return;
    }
    if (literal_.empty()) return;
    for (size_t at = 0; (at = s.find(literal_, at)) != std::string_view::npos; at += literal_.size())
      f(uint32_t(at), uint32_t(at + literal_.size()));
  }
  const std::string &source() const { return source_; }

 private:
  std::string source_;   // of the regular expression
  std::string literal_;  // where it is none
  std::unique_ptr<Regex> regex_;
};

}  // namespace text
