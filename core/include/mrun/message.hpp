// mrun/message.hpp - what messages say alike: counts, and texts too long to be shown. C++17, header only, needs nothing else.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>

namespace mrun {

// "1 row", "2 rows"; `several` where it is not `one` with an s: counted(n, "entry", "entries").
template <class Number>
std::string counted(Number n, std::string_view one, std::string_view several = {}) {
  std::string text;
  if constexpr (std::is_floating_point_v<Number>) {
    text = std::to_string(static_cast<long long>(n)) + ' ';
  } else {
    text = std::to_string(n) + ' ';
  }
  const bool single = !(n < Number(1)) && !(Number(1) < n);
  if (single || several.empty()) text += one;
  if (!single) text += several.empty() ? std::string_view("s") : several;
  return text;
}

// At most so many bytes of a text in UTF-8, cut between characters, with "…" where something is left out.
inline std::string shortened(std::string_view text, std::size_t most) {
  if (text.size() <= most) return std::string(text);
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0) == 0x80) --most;
  return std::string(text.substr(0, most)) + "\xE2\x80\xA6";
}

}  // namespace mrun
