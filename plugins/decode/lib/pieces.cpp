#include "pieces.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace decode {
namespace {

constexpr std::string_view meta_space = "\xE2\x96\x81";   // U+2581
constexpr std::string_view replacement = "\xEF\xBF\xBD";  // U+FFFD

std::optional<int> hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return std::nullopt;
}

// "<0x0A>"
std::optional<char> byte_piece(std::string_view piece) {
  if (piece.size() != 6 || piece.substr(0, 3) != "<0x" || piece[5] != '>') return std::nullopt;
  const auto high = hex_digit(piece[3]), low = hex_digit(piece[4]);
  if (!high || !low) return std::nullopt;
  return static_cast<char>(*high * 16 + *low);
}

std::string from_sentencepiece(std::string_view piece) {
  if (const auto byte = byte_piece(piece)) return {*byte};
  std::string text;
  while (!piece.empty()) {
    const bool space = piece.substr(0, meta_space.size()) == meta_space;
    text += space ? ' ' : piece[0];
    piece.remove_prefix(space ? meta_space.size() : 1);
  }
  return text;
}

// GPT-2's alphabet: printable bytes of Latin-1 stand for themselves, the others for U+0100 and on, in their order.
std::array<int, 512> byte_level_alphabet() {
  std::array<int, 512> bytes;
  bytes.fill(-1);
  int next = 256;
  for (int b = 0; b < 256; ++b) {
    const bool printable = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
    bytes[static_cast<size_t>(printable ? b : next++)] = b;
  }
  return bytes;
}

std::string from_byte_level(std::string_view piece) {
  static const std::array<int, 512> alphabet = byte_level_alphabet();
  std::string text;
  for (size_t i = 0; i < piece.size(); ++i) {
    const auto lead = static_cast<uint8_t>(piece[i]);
    size_t point = lead;
    if (lead >= 0xC0 && lead < 0xE0 && i + 1 < piece.size()) {
      point = (lead & 31U) << 6U | (static_cast<uint8_t>(piece[++i]) & 63U);
    }
    if (point >= alphabet.size() || alphabet[point] < 0) return {};
    text += static_cast<char>(alphabet[point]);
  }
  return text;
}

std::string from_wordpiece(std::string_view piece) {
  if (piece.substr(0, 2) == "##") return std::string(piece.substr(2));
  std::string text(piece.empty() ? "" : " ");
  text += piece;
  return text;
}

std::string bytes_of(std::string_view piece, Spelling spelling) {
  switch (spelling) {
    case Spelling::sentencepiece: return from_sentencepiece(piece);
    case Spelling::byte_level: return from_byte_level(piece);
    case Spelling::wordpiece: return from_wordpiece(piece);
    case Spelling::plain: break;
  }
  return std::string(piece);
}

// The bytes of a piece that decodes to `text`, in which U+FFFD stands for some of them or for itself.
std::string unfinished(std::string_view piece, const std::string &text) {
  if (piece.find(replacement) != std::string_view::npos) return text;
  if (const auto byte = byte_piece(piece)) return {*byte};
  std::string bytes = from_byte_level(piece);
  return bytes.empty() ? text : bytes;
}

int32_t common_prefix(std::string_view a, std::string_view b) {
  const size_t n = std::min(a.size(), b.size());
  const auto end = a.begin() + static_cast<std::ptrdiff_t>(n);
  return static_cast<int32_t>(std::mismatch(a.begin(), end, b.begin()).first - a.begin());
}

}  // namespace

Pieces::Pieces(const std::vector<std::string> &spelled, Spelling spelling) {
  const bool strips_first = spelling == Spelling::sentencepiece || spelling == Spelling::wordpiece;
  for (const std::string &piece : spelled) {
    const std::string &later = later_bytes_.emplace_back(bytes_of(piece, spelling));
    const bool strips = strips_first && !later.empty() && later.front() == ' ';
    first_bytes_.push_back(strips ? later.substr(1) : later);
  }
  first_ = sort(true);
  later_ = sort(false);
}

Pieces::Pieces(const std::vector<std::string> &spelled, std::vector<std::string> first, std::vector<std::string> later)
    : first_bytes_(std::move(first)), later_bytes_(std::move(later)) {
  for (size_t i = 0; i < spelled.size(); ++i) {
    for (std::string *text : {&first_bytes_[i], &later_bytes_[i]}) {
      if (text->find(replacement) != std::string::npos) *text = unfinished(spelled[i], *text);
    }
  }
  first_ = sort(true);
  later_ = sort(false);
}

int64_t Pieces::text_end() const {
  int64_t end = size();
  while (end > 0 && bytes(end - 1, true).empty() && bytes(end - 1, false).empty()) --end;
  return end;
}

std::string_view Pieces::bytes(int64_t token, bool first) const {
  if (token < 0 || token >= size()) return {};
  return (first ? first_bytes_ : later_bytes_)[static_cast<size_t>(token)];
}

Pieces::Sorted Pieces::sort(bool first) const {
  Sorted s;
  for (int64_t token = 0; token < size(); ++token) {
    if (!bytes(token, first).empty()) s.tokens.push_back(static_cast<int32_t>(token));
  }
  std::stable_sort(s.tokens.begin(), s.tokens.end(),
                   [&](int32_t a, int32_t b) { return bytes(a, first) < bytes(b, first); });
  std::string_view last;
  for (const int32_t token : s.tokens) {
    const std::string_view own = bytes(token, first);
    s.common.push_back(common_prefix(last, own));
    s.begins.push_back(s.rest.size());
    s.rest += own.substr(static_cast<size_t>(s.common.back()));
    s.longest = std::max(s.longest, own.size());
    last = own;
  }
  s.begins.push_back(s.rest.size());
  return s;
}

}  // namespace decode
