#include "unicode.h"

#include <unicode/bytestream.h>
#include <unicode/casemap.h>
#include <unicode/normalizer2.h>
#include <unicode/stringpiece.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <iterator>

#include "error.h"
#include "utf8.h"

namespace text {
namespace {

void check(UErrorCode code, const char *what) {
  if (U_FAILURE(code)) internal_error(std::string(what) + ": " + u_errorName(code));
}

const icu::Normalizer2 &instance(Form form) {
  UErrorCode code = U_ZERO_ERROR;
  const icu::Normalizer2 *n = nullptr;
  switch (form) {
    case Form::nfc: n = icu::Normalizer2::getNFCInstance(code); break;
    case Form::nfd: n = icu::Normalizer2::getNFDInstance(code); break;
    case Form::nfkc: n = icu::Normalizer2::getNFKCInstance(code); break;
    case Form::nfkd: n = icu::Normalizer2::getNFKDInstance(code); break;
  }
  check(code, "ICU has no normalization data");
  return *n;
}

bool is_ascii(std::string_view s) {
  return std::all_of(s.begin(), s.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

icu::StringPiece piece(std::string_view s) { return {s.data(), int32_t(s.size())}; }

void check_size(std::string_view s) {
  if (s.size() > size_t{1} << 30) bad_input("the text is longer than 1 GiB");
}

// Whether the character was in Unicode `major`.0.
bool known_in(UChar32 c, int major) {
  UVersionInfo age;
  u_charAge(c, age);
  return age[0] < major || (age[0] == major && age[1] == 0);
}

// Characters whose category has changed since the frozen version.
bool one_of(UChar32 c, std::initializer_list<UChar32> list) {
  return std::find(list.begin(), list.end(), c) != list.end();
}

uint8_t classify(UChar32 c) {
  const uint32_t category = U_GET_GC_MASK(c);
  const bool old8 = known_in(c, 8), old9 = known_in(c, 9);
  uint8_t bits = 0;
  if (u_hasBinaryProperty(c, UCHAR_WHITE_SPACE)) bits |= class_space;
  if (category & U_GC_L_MASK) bits |= class_letter;
  if (category & U_GC_N_MASK) bits |= class_number;
  if (u_hasBinaryProperty(c, UCHAR_ALPHABETIC) || u_hasBinaryProperty(c, UCHAR_JOIN_CONTROL) ||
      (category & (U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK)))
    bits |= class_word;
  const bool ascii_symbol = c < 0x80 && (category & U_GC_S_MASK);
  if (ascii_symbol || (old8 && (category & U_GC_P_MASK)) || one_of(c, {0x166d, 0x111c9})) bits |= class_punctuation;
  const bool was_mn = old8 && (category & U_GC_MN_MASK) && !one_of(c, {0x1885, 0x1886, 0xa9bd, 0x111c9});
  if (was_mn || one_of(c, {0x1734, 0x1171e})) bits |= class_nonspacing;
  const bool was_mark = old9 && (category & U_GC_M_MASK) && c != 0x111c9;
  if (was_mark || one_of(c, {0x1cf2, 0x1cf3})) bits |= class_mark;
  if (old8 && (category & (U_GC_CC_MASK | U_GC_CF_MASK | U_GC_CO_MASK))) bits |= class_other;
  return bits;
}

using Page = std::array<uint8_t, 256>;
std::atomic<const Page *> pages[0x1100];

// Pages are made on first need and kept; when two threads make one, one of them is thrown away.
const Page &make_page(size_t index) {
  auto *page = new Page;
  for (size_t i = 0; i < page->size(); ++i) (*page)[i] = classify(UChar32(index << 8 | i));
  const Page *expected = nullptr;
  if (pages[index].compare_exchange_strong(expected, page)) return *page;
  delete page;
  return *expected;
}

// Case pairs of Unicode 16 and 17, for an older ICU: upper, lower, how many in a row.
struct NewCase {
  char32_t upper, lower;
  int count;
};
constexpr NewCase new_cases[] = {
    {0x1c89, 0x1c8a, 1}, {0xa7cb, 0x0264, 1}, {0xa7cc, 0xa7cd, 1}, {0xa7ce, 0xa7cf, 1},    {0xa7d2, 0xa7d3, 1},
    {0xa7d4, 0xa7d5, 1}, {0xa7da, 0xa7db, 1}, {0xa7dc, 0x019b, 1}, {0x10d50, 0x10d70, 22}, {0x16ea0, 0x16ebb, 25},
};

}  // namespace

std::string normalize(std::string_view s, Form form) {
  check_size(s);
  if (is_ascii(s)) return std::string(s);
  std::string out;
  icu::StringByteSink<std::string> sink(&out, int32_t(s.size()));
  UErrorCode code = U_ZERO_ERROR;
  instance(form).normalizeUTF8(0, piece(s), sink, nullptr, code);
  check(code, "normalization failed");
  return out;
}

std::string lower(std::string_view s) {
  check_size(s);
  std::string out;
  icu::StringByteSink<std::string> sink(&out, int32_t(s.size()));
  UErrorCode code = U_ZERO_ERROR;
  icu::CaseMap::utf8ToLower("", 0, piece(s), sink, nullptr, code);
  check(code, "lower case failed");
  return out;
}

std::string fold(std::string_view s) {
  check_size(s);
  std::string out;
  icu::StringByteSink<std::string> sink(&out, int32_t(s.size()));
  UErrorCode code = U_ZERO_ERROR;
  icu::CaseMap::utf8Fold(0, piece(s), sink, nullptr, code);
  check(code, "case folding failed");
  return out;
}

std::string strip_accents(std::string_view s) {
  if (is_ascii(s)) return std::string(s);
  const std::string apart = normalize(s, Form::nfd);
  std::string out;
  for (size_t at = 0; at < apart.size();) {
    char32_t c = utf8_next(apart, at);
    if (u_charType(UChar32(c)) != U_NON_SPACING_MARK) utf8_append(out, c);
  }
  return normalize(out, Form::nfc);
}

uint8_t char_class(char32_t c) {
  const Page *page = pages[c >> 8].load(std::memory_order_acquire);
  return (page ? *page : make_page(c >> 8))[c & 0xff];
}

Expansion decompose(char32_t c, bool compatible) {
  Expansion out{{c}, 0};
  if (c < 0xa0) return out;
  icu::UnicodeString parts;
  if (!instance(compatible ? Form::nfkd : Form::nfd).getDecomposition(UChar32(c), parts)) return out;
  if (!known_in(UChar32(c), 11)) return out;
  for (int32_t i = 0; i < parts.length() && out.size < int(std::size(out.at)); i = parts.moveIndex32(i, 1))
    out.at[out.size++] = char32_t(parts.char32At(i));
  return out;
}

char32_t compose(char32_t a, char32_t b) {
  const UChar32 c = instance(Form::nfc).composePair(UChar32(a), UChar32(b));
  return c < 0 ? 0 : char32_t(c);
}

uint8_t combining_class(char32_t c) { return c < 0x300 ? 0 : u_getCombiningClass(UChar32(c)); }

Expansion lower_of(char32_t c) {
  if (c < 0x80) return {{c >= 'A' && c <= 'Z' ? c + 32 : c}, 1};
  if (c == 0x130) return {{U'i', 0x307}, 2};
  for (const NewCase &n : new_cases)
    if (c >= n.upper && c < n.upper + char32_t(n.count)) return {{n.lower + (c - n.upper)}, 1};
  return {{char32_t(u_tolower(UChar32(c)))}, 1};
}

}  // namespace text
