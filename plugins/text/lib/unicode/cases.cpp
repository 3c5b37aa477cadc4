#include "cases.h"

#include <map>

#include "data.h"
#include "kept.h"
#include "mapping.h"
#include "polling.h"
#include "utf8.h"

namespace text::unicode {
namespace {

std::string mapped(std::string_view s, const Mapping &mapping) {
  std::string out;
  out.reserve(s.size());
  for (size_t at = 0; at < s.size();) {
    const char32_t c = utf8_next(s, at);
    const auto to = mapping.find(c);
    if (to.empty()) utf8_append(out, c);
    for (char32_t x : to) utf8_append(out, x);
    Polling::now();
  }
  return out;
}

const Mapping &lower_map() {
  static const Mapping &map = *kept<Mapping>(lower_mappings);
  return map;
}

// Whether a character is cased, and whether it counts in looking for the end of a word.
enum Role : uint8_t { plain = 0, cased = 1, ignorable = 2 };
uint8_t role(char32_t c) {
  static const auto &map = *kept<CodeMap<uint8_t>>([] {
    CodeMap<uint8_t> out(plain);
    const CodeSet is_cased = *binary_property("cased"), is_ignorable = *binary_property("caseignorable");
    for (const Range &r : is_cased.ranges()) out.set(r.first, r.end, cased);
    for (const Range &r : is_ignorable.ranges()) out.set(r.first, r.end, ignorable);
    for (const Range &r : (is_cased & is_ignorable).ranges()) out.set(r.first, r.end, cased | ignorable);
    return out;
  }());
  return map[c];
}

// Whether a cased character follows, behind any number of those that do not count.
bool cased_follows(std::string_view s, size_t at) {
  while (at < s.size()) {
    const uint8_t next = role(utf8_next(s, at));
    if (!(next & ignorable)) return next & cased;
  }
  return false;
}

// The characters of each simple folding, beside itself.
const std::map<char32_t, std::vector<char32_t>> &unfoldings() {
  using Characters = std::map<char32_t, std::vector<char32_t>>;
  static const auto &map = *kept<Characters>([] {
    Characters out;
    each_mapping(simple_fold_mappings, [&](char32_t c, auto to) { out[to[0]].push_back(c); });
    return out;
  }());
  return map;
}

}  // namespace

std::string lower(std::string_view s) {
  constexpr char32_t sigma = 0x3a3, final_sigma = 0x3c2;
  std::string out;
  out.reserve(s.size());
  bool in_word = false;  // the last character that counts was cased
  for (size_t at = 0; at < s.size();) {
    const char32_t c = utf8_next(s, at);
    const auto to = lower_map().find(c);
    if (c == sigma && in_word && !cased_follows(s, at)) {
      utf8_append(out, final_sigma);
    } else {
      if (to.empty()) utf8_append(out, c);
      for (char32_t x : to) utf8_append(out, x);
    }
    if (const uint8_t r = role(c); !(r & ignorable)) in_word = r & cased;
    Polling::now();
  }
  return out;
}

std::string upper(std::string_view s) {
  static const Mapping &map = *kept<Mapping>(upper_mappings);
  return mapped(s, map);
}

std::string fold(std::string_view s) {
  static const Mapping &map = *kept<Mapping>(fold_mappings);
  return mapped(s, map);
}

char32_t lower_of(char32_t c) {
  const auto to = lower_map().find(c);
  return to.size() == 1 ? to[0] : c;
}

CodeSet any_case(const CodeSet &set) {
  static const CodeSet &folding = *kept<CodeSet>([] {
    std::vector<Range> out;
    each_mapping(simple_fold_mappings, [&](char32_t c, auto) { out.push_back({c, c + 1}); });
    for (const auto &[folded, others] : unfoldings()) out.push_back({folded, folded + 1});
    return CodeSet(std::move(out));
  }());
  static const Mapping &simple = *kept<Mapping>(simple_fold_mappings);
  std::vector<Range> more;
  for (const Range &r : (set & folding).ranges()) {
    for (char32_t c = r.first; c < r.end; ++c) {
      const auto to = simple.find(c);
      const char32_t folded = to.empty() ? c : to[0];
      more.push_back({folded, folded + 1});
      if (const auto others = unfoldings().find(folded); others != unfoldings().end())
        for (char32_t other : others->second) more.push_back({other, other + 1});
    }
  }
  return set | CodeSet(std::move(more));
}

}  // namespace text::unicode
