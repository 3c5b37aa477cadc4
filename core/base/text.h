// Text for people: safe quoting, near misses, base64.
#pragma once
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mrun {

// Bytes of the UTF-8 character that begins at s[at], 0 where none does. Unicode 3.9, table 3-7: no overlong forms, no
// surrogates, nothing above U+10FFFF.
size_t utf8_length(std::string_view s, size_t at);
char32_t utf8_decode(std::string_view character);  // the code point of one valid character
bool valid_utf8(std::string_view);
size_t utf8_until(std::string_view);  // the place of the first byte that is not UTF-8; the size where there is none

bool contains(std::string_view text, std::string_view what);
std::string_view trimmed(std::string_view line);  // without the blanks around it: spaces, tabs and CR

// A text from outside, made fit for one line of a message or terminal: control characters, invalid bytes, line
// separators, and characters that reorder or hide text become escapes (\n, \x1b, \u{202e}); what is longer than `most`
// bytes is cut, with "…".
std::string printable(std::string_view, size_t most = 300);

// Up to `most` candidates that `name` was probably meant to be, nearest first: few edits (insert, delete, replace,
// swap) for its length, case not counting.
std::vector<std::string> nearest(std::string_view name, std::span<const std::string> candidates, size_t most = 3);
// For the end of a message: "; did you mean 'resize' or 'resized'?", or nothing.
std::string did_you_mean(std::string_view name, std::span<const std::string> candidates);

std::string base64(std::string_view);                   // RFC 4648, padded
std::optional<std::string> unbase64(std::string_view);  // what base64 gives, and nothing else
std::string hex(std::string_view);                      // lower case

}  // namespace mrun
