// Unicode's data as make_tables.py writes them, and how they are read. The version is pinned: what an operation means
// may not depend on the libraries of a machine.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace text::unicode {

using Encoded = std::string_view;

struct NamedSet {
  std::string_view names;  // apart by spaces, in lower case, without _
  Encoded ranges;
};

// Runs of code points: gap behind the run before, length, value.
extern const Encoded categories, scripts, script_extensions, combining_classes, ages, clusters, conjuncts;
extern const std::string_view script_names[];  // names apart by spaces, as in NamedSet
extern const size_t script_count;
extern const NamedSet sets[];
extern const size_t set_count;
extern const Encoded composition_exclusions;
extern const Encoded nfc_changes, nfkc_changes;  // characters that may change in these forms
// Gap, how many it becomes, the first less the code point, the others less the one before.
extern const Encoded lower_mappings, upper_mappings, fold_mappings, simple_fold_mappings;
extern const Encoded canonical_mappings, compatible_mappings;  // one step of decomposition

class Reader {
 public:
  explicit Reader(Encoded text) : text_(text) {}
  bool done() const { return at_ == text_.size(); }
  uint32_t number() {
    uint32_t value = 0;
    for (int shift = 0;; shift += 5) {
      const uint32_t digit = digit_of(text_[at_++]);
      value |= (digit & 31) << shift;
      if (digit < 32) return value;
    }
  }
  int32_t signed_number() {
    const uint32_t n = number();
    return n & 1 ? -int32_t(n / 2) - 1 : int32_t(n / 2);
  }

 private:
  static uint32_t digit_of(char c) {
    if (c >= '0' && c <= '9') return uint32_t(c - '0');
    if (c >= 'a' && c <= 'v') return uint32_t(c - 'a') + 10;
    if (c >= 'A' && c <= 'Z') return uint32_t(c - 'A') + 32;
    return uint32_t(std::string_view("+-*=_.").find(c)) + 58;
  }
  std::string_view text_;
  size_t at_ = 0;
};

// f(first, end, reader), which reads the run's value, for each run.
template <class F>
void each_run(Encoded text, F f) {
  char32_t at = 0;
  for (Reader r(text); !r.done();) {
    const char32_t first = at + r.number();
    at = first + r.number();
    f(first, at, r);
  }
}

}  // namespace text::unicode
