#include "unicode.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <initializer_list>
#include <iterator>

#include "pattern/classes.h"
#include "unicode/cases.h"
#include "unicode/data.h"
#include "unicode/kept.h"

namespace text {

using namespace unicode;

namespace {

// Characters whose category has changed since the frozen version.
bool one_of(char32_t c, std::initializer_list<char32_t> list) {
  return std::find(list.begin(), list.end(), c) != list.end();
}

uint8_t classify(char32_t c) {
  static const CodeSet &space = *kept<CodeSet>(*binary_property("whitespace")),
                       &word = *kept<CodeSet>(word_set(Dialect::ruby) | *binary_property("joincontrol"));
  const bool old8 = age(c) == Age::unicode_8, old9 = age(c) <= Age::unicode_9;
  uint8_t bits = 0;
  if (space.contains(c)) bits |= class_space;
  if (is_a(c, letters)) bits |= class_letter;
  if (is_a(c, numbers)) bits |= class_number;
  if (word.contains(c)) bits |= class_word;
  const bool ascii_symbol = c < 0x80 && is_a(c, symbols);
  if (ascii_symbol || (old8 && is_a(c, punctuation)) || one_of(c, {0x166d, 0x111c9})) bits |= class_punctuation;
  const bool was_mn = old8 && is_a(c, bit(Mn)) && !one_of(c, {0x1885, 0x1886, 0xa9bd, 0x111c9});
  if (was_mn || one_of(c, {0x1734, 0x1171e})) bits |= class_nonspacing;
  const bool was_mark = old9 && is_a(c, marks) && c != 0x111c9;
  if (was_mark || one_of(c, {0x1cf2, 0x1cf3})) bits |= class_mark;
  if (old8 && is_a(c, bit(Cc) | bit(Cf) | bit(Co))) bits |= class_other;
  return bits;
}

using Page = std::array<uint8_t, 256>;
std::atomic<const Page *> pages[0x1100];

// Pages are made on first need and kept; when two threads make one, one of them is thrown away.
const Page &make_page(size_t index) {
  auto *page = new Page;
  for (size_t i = 0; i < page->size(); ++i) (*page)[i] = classify(char32_t(index << 8 | i));
  const Page *expected = nullptr;
  if (pages[index].compare_exchange_strong(expected, page)) return *page;
  delete page;
  return *expected;
}

// Case pairs that Unicode 17 has added: upper, lower, how many in a row.
struct NewCase {
  char32_t upper, lower;
  int count;
};
constexpr NewCase new_cases[] = {{0xa7ce, 0xa7cf, 1}, {0xa7d2, 0xa7d3, 1}, {0xa7d4, 0xa7d5, 1}, {0x16ea0, 0x16ebb, 25}};

}  // namespace

uint8_t char_class(char32_t c) {
  const Page *page = pages[c >> 8].load(std::memory_order_acquire);
  return (page ? *page : make_page(c >> 8))[c & 0xff];
}

bool is_numeric(char32_t c) {
  return (char_class(c) & class_number) || (c >= 0x11de0 && c <= 0x11de9) || (c >= 0x16ff4 && c <= 0x16ff6);
}

Expansion decompose(char32_t c, bool compatible) {
  const Expansion e = unicode::decompose(c, compatible);
  return e.size == 0 || age(c) <= Age::unicode_11 ? e : Expansion{{}, 0};
}

char32_t compose(char32_t a, char32_t b) {
  const char32_t c = unicode::compose(a, b);
  return c == 0 || age(c) <= Age::unicode_11 ? c : 0;
}

uint8_t combining_class(char32_t c) { return c < 0x300 || age(c) > Age::unicode_11 ? 0 : unicode::combining_class(c); }

Expansion lower_of(char32_t c) {
  if (c < 0x80) return {{c >= 'A' && c <= 'Z' ? c + 32 : c}, 1};
  if (c == 0x130) return {{U'i', 0x307}, 2};
  for (const NewCase &n : new_cases)
    if (c >= n.upper && c < n.upper + char32_t(n.count)) return {{n.lower + (c - n.upper)}, 1};
  return {{unicode::lower_of(c)}, 1};
}

}  // namespace text
