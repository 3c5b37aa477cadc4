#include "data.h"

#include <algorithm>

#include "code_map.h"
#include "kept.h"
#include "table.h"

namespace text::unicode {
namespace {

template <class T>
CodeSet set_of(Encoded runs, T wanted) {
  std::vector<Range> out;
  each_run(runs, [&](char32_t first, char32_t end, Reader &r) {
    if (wanted(r.number())) out.push_back({first, end});
  });
  return CodeSet(std::move(out));
}

bool has_name(std::string_view names, std::string_view name) {
  while (!names.empty()) {
    const size_t end = std::min(names.find(' '), names.size());
    if (names.substr(0, end) == name) return true;
    names.remove_prefix(std::min(end + 1, names.size()));
  }
  return false;
}

}  // namespace

Category category(char32_t c) {
  static const auto &map = *kept<CodeMap<Category>>(categories, Cn, [](uint32_t n) { return Category(n); });
  return map[c];
}

CodeSet category_set(uint32_t wanted) {
  CodeSet out = set_of(categories, [&](uint32_t n) { return wanted >> n & 1; });
  if (wanted & bit(Cn)) out = out | ~set_of(categories, [](uint32_t) { return true; });
  return out;
}

Age age(char32_t c) {
  // Runs of the default, unicode_8, are not written.
  static const auto &map = *kept<CodeMap<Age>>(ages, Age::unicode_8, [](uint32_t n) { return Age(n); });
  return map[c];
}

uint8_t script(char32_t c) {
  static const auto &map = *kept<CodeMap<uint8_t>>(scripts, no_script, [](uint32_t n) { return uint8_t(n); });
  return map[c];
}

std::optional<uint8_t> script_called(std::string_view loose) {
  for (size_t i = 0; i < script_count; ++i)
    if (has_name(script_names[i], loose)) return uint8_t(i);
  return std::nullopt;
}

CodeSet script_set(uint8_t wanted, bool extensions) {
  CodeSet out = set_of(scripts, [&](uint32_t n) { return n == wanted; });
  if (script_names[wanted] == std::string_view("zzzz unknown")) out = ~set_of(scripts, [](uint32_t) { return true; });
  if (!extensions) return out;
  std::vector<Range> with, without;
  each_run(script_extensions, [&](char32_t first, char32_t end, Reader &r) {
    bool found = false;
    for (uint32_t n = r.number(); n > 0; --n) found |= r.number() == wanted;
    (found ? with : without).push_back({first, end});
  });
  return (out | CodeSet(std::move(with))) - CodeSet(std::move(without));
}

std::optional<CodeSet> binary_property(std::string_view loose) {
  for (size_t i = 0; i < set_count; ++i) {
    if (!has_name(sets[i].names, loose)) continue;
    std::vector<Range> out;
    each_run(sets[i].ranges, [&](char32_t first, char32_t end, Reader &) { out.push_back({first, end}); });
    return CodeSet(std::move(out));
  }
  return std::nullopt;
}

std::string loose_name(std::string_view name) {
  std::string out;
  for (char c : name)
    if (c != ' ' && c != '_' && c != '-') out += c >= 'A' && c <= 'Z' ? char(c + 32) : c;
  return out;
}

CodeSet cluster_set(Cluster wanted) {
  return set_of(clusters, [&](uint32_t n) { return n == uint32_t(wanted); });
}

CodeSet conjunct_set(Conjunct wanted) {
  return set_of(conjuncts, [&](uint32_t n) { return n == uint32_t(wanted); });
}

}  // namespace text::unicode
