// What characters become: one or more others.
#pragma once
#include <span>
#include <vector>

#include "code_map.h"
#include "table.h"

namespace text::unicode {

// f(c, to) for each character of a table of mappings; `to` is valid during the call.
template <class F>
void each_mapping(Encoded text, F f) {
  char32_t c = 0;
  std::vector<char32_t> to;
  for (Reader r(text); !r.done();) {
    c += r.number();
    to.resize(r.number());
    char32_t before = c;
    for (char32_t &x : to) before = x = char32_t(int32_t(before) + r.signed_number());
    f(c, std::span<const char32_t>(to));
  }
}

class Mapping {
 public:
  Mapping() = default;
  explicit Mapping(Encoded text) {
    each_mapping(text, [&](char32_t c, std::span<const char32_t> to) { add(c, to); });
  }
  void add(char32_t c, std::span<const char32_t> to) {
    places_.push_back({uint32_t(all_.size()), uint32_t(to.size())});
    all_.insert(all_.end(), to.begin(), to.end());
    index_.set(c, c + 1, uint16_t(places_.size() - 1));
  }
  // Empty where the character stays as it is.
  std::span<const char32_t> find(char32_t c) const {
    const Place p = places_[index_[c]];
    return {all_.data() + p.begin, p.size};
  }

 private:
  struct Place {
    uint32_t begin, size;
  };
  CodeMap<uint16_t> index_{0};
  std::vector<Place> places_{{0, 0}};
  std::vector<char32_t> all_;
};

}  // namespace text::unicode
