// A value for each code point, in pages that equal ones share.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "table.h"

namespace text::unicode {

template <class T>
class CodeMap {
 public:
  explicit CodeMap(T otherwise) {
    pages_.emplace_back().fill(otherwise);
    shared_.push_back(true);
  }
  // A run's value is one number, to which `to` is applied.
  template <class To>
  CodeMap(Encoded runs, T otherwise, To to) : CodeMap(otherwise) {
    each_run(runs, [&](char32_t first, char32_t end, Reader &r) { set(first, end, to(r.number())); });
  }

  T operator[](char32_t c) const { return pages_[index_[c >> 8]][c & 0xff]; }

  size_t memory() const { return sizeof *this + pages_.size() * sizeof pages_[0]; }

  void set(char32_t first, char32_t end, T value) {
    while (first < end) {
      const char32_t page_end = (first | 0xff) + 1, stop = end < page_end ? end : page_end;
      if (first % 256 == 0 && stop == page_end) {
        index_[first >> 8] = uniform(value);
      } else {
        auto &page = own(first >> 8);
        for (char32_t c = first; c < stop; ++c) page[c & 0xff] = value;
      }
      first = stop;
    }
  }

 private:
  uint16_t add(const std::array<T, 256> &page, bool shared) {
    pages_.push_back(page);
    shared_.push_back(shared);
    return uint16_t(pages_.size() - 1);
  }
  uint16_t uniform(T value) {
    for (size_t i = 0; i < pages_.size(); ++i)
      if (shared_[i] && pages_[i][0] == value) return uint16_t(i);
    std::array<T, 256> page;
    page.fill(value);
    return add(page, true);
  }
  std::array<T, 256> &own(size_t at) {
    if (shared_[index_[at]]) {
      const auto page = pages_[index_[at]];
      index_[at] = add(page, false);
    }
    return pages_[index_[at]];
  }
  std::array<uint16_t, 0x1100> index_{};
  std::vector<std::array<T, 256>> pages_;
  std::vector<bool> shared_;  // pages of one value
};

}  // namespace text::unicode
