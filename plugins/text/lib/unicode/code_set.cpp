#include "code_set.h"

#include <algorithm>

namespace text::unicode {

CodeSet::CodeSet(std::vector<Range> ranges) {
  std::sort(ranges.begin(), ranges.end());
  for (const Range &r : ranges) {
    if (r.first >= r.end) continue;
    if (!ranges_.empty() && r.first <= ranges_.back().end) {
      ranges_.back().end = std::max(ranges_.back().end, r.end);
    } else {
      ranges_.push_back(r);
    }
  }
}

bool CodeSet::contains(char32_t c) const {
  const auto after =
      std::upper_bound(ranges_.begin(), ranges_.end(), c, [](char32_t x, Range r) { return x < r.first; });
  return after != ranges_.begin() && c < std::prev(after)->end;
}

size_t CodeSet::size() const {
  size_t n = 0;
  for (const Range &r : ranges_) n += r.end - r.first;
  return n;
}

CodeSet CodeSet::operator|(const CodeSet &other) const {
  std::vector<Range> both = ranges_;
  both.insert(both.end(), other.ranges_.begin(), other.ranges_.end());
  return CodeSet(std::move(both));
}

CodeSet CodeSet::operator&(const CodeSet &other) const { return ~(~*this | ~other); }

CodeSet CodeSet::operator~() const {
  std::vector<Range> out;
  char32_t at = 0;
  for (const Range &r : ranges_) {
    out.push_back({at, r.first});
    at = r.end;
  }
  out.push_back({at, code_points});
  return CodeSet(std::move(out));
}

void CodeSetBuilder::add(const CodeSet &set) {
  ranges_.insert(ranges_.end(), set.ranges().begin(), set.ranges().end());
  if (ranges_.size() <= most_) return;
  ranges_ = CodeSet(std::move(ranges_)).ranges();
  most_ = std::max(most_, 2 * ranges_.size());
}

CodeSet CodeSetBuilder::take() { return CodeSet(std::exchange(ranges_, {})); }

}  // namespace text::unicode
