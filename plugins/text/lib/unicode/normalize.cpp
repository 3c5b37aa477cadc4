#include "normalize.h"

#include <algorithm>
#include <array>

#include "code_map.h"
#include "data.h"
#include "kept.h"
#include "mapping.h"
#include "polling.h"
#include "utf8.h"

namespace text::unicode {
namespace {

// Syllables of Hangul are worked out (Unicode 16, section 3.12).
constexpr char32_t syllable_base = 0xac00, l_base = 0x1100, v_base = 0x1161, t_base = 0x11a7;
constexpr char32_t l_count = 19, v_count = 21, t_count = 28, syllable_count = l_count * v_count * t_count;

bool is_syllable(char32_t c) { return c >= syllable_base && c < syllable_base + syllable_count; }

Expansion decompose_syllable(char32_t c) {
  const char32_t i = c - syllable_base, t = i % t_count;
  return {{l_base + i / (v_count * t_count), v_base + i / t_count % v_count, t_base + t}, t == 0 ? 2 : 3};
}

char32_t compose_syllable(char32_t a, char32_t b) {
  if (a >= l_base && a < l_base + l_count && b >= v_base && b < v_base + v_count)
    return syllable_base + ((a - l_base) * v_count + (b - v_base)) * t_count;
  if (is_syllable(a) && (a - syllable_base) % t_count == 0 && b > t_base && b < t_base + t_count)
    return a + (b - t_base);
  return 0;
}

struct Pair {
  char32_t a, b, to;
};

std::vector<Pair> composing_pairs() {
  std::vector<Range> ranges;
  each_run(composition_exclusions, [&](char32_t first, char32_t end, Reader &) { ranges.push_back({first, end}); });
  const CodeSet excluded(std::move(ranges));
  std::vector<Pair> out;
  each_mapping(canonical_mappings, [&](char32_t c, std::span<const char32_t> to) {
    if (to.size() == 2 && !excluded.contains(c)) out.push_back({to[0], to[1], c});
  });
  std::sort(out.begin(), out.end(), [](Pair x, Pair y) { return std::pair(x.a, x.b) < std::pair(y.a, y.b); });
  return out;
}

uint8_t form_bit(Form f) { return uint8_t(1 << int(f)); }

// Which forms a character may change in, one bit each; all of a mark's.
CodeMap<uint8_t> changes() {
  CodeMap<uint8_t> map(0);
  auto mark = [&](char32_t first, char32_t end, int bits) {
    for (char32_t c = first; c < end; ++c) map.set(c, c + 1, uint8_t(map[c] | bits));
  };
  const int apart = form_bit(Form::nfd) | form_bit(Form::nfkd);
  each_mapping(canonical_mappings, [&](char32_t c, auto) { mark(c, c + 1, apart); });
  each_mapping(compatible_mappings, [&](char32_t c, auto) { mark(c, c + 1, form_bit(Form::nfkd)); });
  mark(syllable_base, syllable_base + syllable_count, apart);
  each_run(nfc_changes, [&](char32_t first, char32_t end, Reader &) { mark(first, end, form_bit(Form::nfc)); });
  each_run(nfkc_changes, [&](char32_t first, char32_t end, Reader &) { mark(first, end, form_bit(Form::nfkc)); });
  each_run(combining_classes, [&](char32_t first, char32_t end, Reader &r) {
    r.number();
    mark(first, end, 15);
  });
  return map;
}

uint8_t may_change(char32_t c) {
  static const auto &map = *kept<CodeMap<uint8_t>>(changes());
  return map[c];
}

// A character behind its combining class, so that marks are put in order by comparing the class alone.
uint32_t with_class(char32_t c) { return uint32_t(combining_class(c)) << 24 | c; }
char32_t character(uint32_t item) { return item & 0xffffff; }
uint32_t class_of(uint32_t item) { return item >> 24; }

// Takes characters of a decomposed text and writes what they come to. Between two calls it holds what the next may
// change: a starter and the marks behind it, or marks alone.
class Composer {
 public:
  Composer(std::string &out, bool composes) : out_(out), composes_(composes) {}

  void put(char32_t c) {
    const uint32_t item = with_class(c);
    if (class_of(item) != 0) {
      held_.push_back(item);
      return;
    }
    settle();
    if (composes_ && held_.size() == 1 && class_of(held_[0]) == 0) {
      if (const char32_t both = compose(held_[0], c)) {
        held_[0] = both;
        return;
      }
    }
    write();
    held_.push_back(item);
  }
  void end() {
    settle();
    write();
  }

 private:
  // Puts the marks in order and composes those that the starter takes.
  void settle() {
    if (held_.size() < 2) return;
    const bool starter = class_of(held_[0]) == 0;
    const auto by_class = [](uint32_t a, uint32_t b) { return class_of(a) < class_of(b); };
    const auto marks = held_.begin() + (starter ? 1 : 0);
    if (!std::is_sorted(marks, held_.end(), by_class)) std::stable_sort(marks, held_.end(), by_class);
    if (!composes_ || !starter) return;
    size_t kept = 1;
    uint32_t last = 0;  // the class of the last mark kept
    for (size_t i = 1; i < held_.size(); ++i) {
      const uint32_t item = held_[i];
      const char32_t both = last < class_of(item) ? compose(held_[0], character(item)) : 0;
      if (both) {
        held_[0] = both;
      } else {
        last = class_of(item);
        held_[kept++] = item;
      }
    }
    held_.resize(kept);
  }
  void write() {
    for (uint32_t item : held_) utf8_append(out_, character(item));
    held_.clear();
  }
  std::string &out_;
  bool composes_;
  std::vector<uint32_t> held_;
};

void put_decomposed(Composer &composer, char32_t c, bool compatible) {
  const Expansion e = decompose(c, compatible);
  if (e.size == 0) composer.put(c);
  for (int i = 0; i < e.size; ++i) composer.put(e.at[i]);
}

// Where the character before the first that may change begins, from `at` on; s.size() where there is none.
size_t find_changing(std::string_view s, size_t at, uint8_t forms) {
  for (size_t last = at; at < s.size();) {
    const size_t here = at;
    if (may_change(utf8_next(s, at)) & forms) return last;
    last = here;
    Polling::now();
  }
  return s.size();
}

// Writes what [at, …) comes to, up to the first character behind one that may change that may not; returns where it is.
size_t compose_part(std::string_view s, size_t at, Form form, std::string &out) {
  Composer composer(out, form == Form::nfc || form == Form::nfkc);
  for (bool changing = false; at < s.size();) {
    size_t next = at;
    const char32_t c = utf8_next(s, next);
    const bool may = may_change(c) & form_bit(form);
    if (changing && !may) break;
    changing = may;
    put_decomposed(composer, c, form == Form::nfkc || form == Form::nfkd);
    at = next;
    Polling::now();
  }
  composer.end();
  return at;
}

// Appends c taken apart until nothing can be.
void expand(const Mapping &step, char32_t c, std::vector<char32_t> &out) {
  const auto parts = step.find(c);
  if (parts.empty()) out.push_back(c);
  for (char32_t part : parts) expand(step, part, out);
}

Mapping full_decompositions(bool compatible) {
  Mapping step(canonical_mappings), full;
  if (compatible) each_mapping(compatible_mappings, [&](char32_t c, auto to) { step.add(c, to); });
  auto add = [&](char32_t c, auto) {
    std::vector<char32_t> to;
    expand(step, c, to);
    full.add(c, to);
  };
  each_mapping(canonical_mappings, add);
  if (compatible) each_mapping(compatible_mappings, add);
  return full;
}

}  // namespace

std::string normalize(std::string_view s, Form form) {
  std::string out;
  out.reserve(s.size());
  for (size_t at = 0; at < s.size();) {
    const size_t begin = find_changing(s, at, form_bit(form));
    out.append(s, at, begin - at);
    at = compose_part(s, begin, form, out);
  }
  return out;
}

Expansion decompose(char32_t c, bool compatible) {
  static const auto &maps =
      *kept<std::array<Mapping, 2>>(std::array{full_decompositions(false), full_decompositions(true)});
  Expansion out{{}, 0};
  if (c < 0xa0) return out;
  if (is_syllable(c)) return decompose_syllable(c);
  for (char32_t part : maps[compatible].find(c)) out.at[out.size++] = part;
  return out;
}

char32_t compose(char32_t a, char32_t b) {
  static const auto &pairs = *kept<std::vector<Pair>>(composing_pairs());
  if (const char32_t c = compose_syllable(a, b)) return c;
  const auto found = std::lower_bound(pairs.begin(), pairs.end(), std::pair(a, b),
                                      [](Pair p, auto wanted) { return std::pair(p.a, p.b) < wanted; });
  return found != pairs.end() && found->a == a && found->b == b ? found->to : 0;
}

uint8_t combining_class(char32_t c) {
  static const auto &map = *kept<CodeMap<uint8_t>>(combining_classes, 0, [](uint32_t n) { return uint8_t(n); });
  return map[c];
}

}  // namespace text::unicode
