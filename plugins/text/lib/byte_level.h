// GPT-2's alphabet: each byte as a visible character, so that vocabularies of bytes can be written as text. The bytes
// 21-7E, A1-AC and AE-FF stand for themselves, the others for U+0100 onwards in order.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace text {

char32_t byte_to_char(unsigned char b);
int char_to_byte(char32_t c);  // -1 where the character stands for no byte
std::string bytes_to_letters(std::string_view bytes);
// Letters of the alphabet to bytes; nullopt where one is none of them.
std::optional<std::string> letters_to_bytes(std::string_view s);

}  // namespace text
