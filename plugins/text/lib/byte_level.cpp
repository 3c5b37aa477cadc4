#include "byte_level.h"

#include <array>

#include "utf8.h"

namespace text {
namespace {

bool stands_for_itself(int b) { return (b >= 0x21 && b <= 0x7e) || (b >= 0xa1 && b <= 0xac) || b >= 0xae; }

struct Alphabet {
  std::array<char32_t, 256> letter{};
  std::array<int16_t, 0x144> byte{};
  Alphabet() {
    byte.fill(-1);
    char32_t next = 0x100;
    for (int b = 0; b < 256; ++b) {
      letter[size_t(b)] = stands_for_itself(b) ? char32_t(b) : next++;
      byte[letter[size_t(b)]] = int16_t(b);
    }
  }
};
const Alphabet alphabet;

}  // namespace

char32_t byte_to_char(unsigned char b) { return alphabet.letter[b]; }
int char_to_byte(char32_t c) { return c < alphabet.byte.size() ? alphabet.byte[c] : -1; }

std::string bytes_to_letters(std::string_view bytes) {
  std::string out;
  for (char b : bytes) utf8_append(out, byte_to_char(static_cast<unsigned char>(b)));
  return out;
}

std::optional<std::string> letters_to_bytes(std::string_view s) {
  std::string out;
  for (size_t at = 0; at < s.size();) {
    const int b = char_to_byte(utf8_next(s, at));
    if (b < 0) return std::nullopt;
    out += char(b);
  }
  return out;
}

}  // namespace text
