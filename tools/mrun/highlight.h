// Colours for the texts of a bundle: Lua, TOML and JSON.
#pragma once
#include <string>
#include <string_view>

namespace command {
// The text with terminal colours by the suffix of `path`; as it is where the suffix is no language of these. What is not
// plain text (control characters) comes out escaped: a text from a stranger must not move the cursor.
std::string highlighted(std::string_view text, std::string_view path);
}  // namespace command
