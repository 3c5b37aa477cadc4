#include "base64.h"

#include <cstdint>

namespace text {

std::optional<std::string> from_base64(std::string_view s) {
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  if (s.size() % 4 == 0)
    for (int padding = 0; padding < 2 && s.ends_with('='); ++padding) s.remove_suffix(1);
  std::string out;
  uint32_t bits = 0;
  int count = 0;  // of bits that are no byte yet
  for (char c : s) {
    const size_t digit = digits.find(c);
    if (digit == digits.npos) return std::nullopt;
    bits = bits << 6 | uint32_t(digit);
    if ((count += 6) >= 8) out += char(bits >> (count -= 8));
  }
  return count < 6 ? std::optional(out) : std::nullopt;
}

}  // namespace text
