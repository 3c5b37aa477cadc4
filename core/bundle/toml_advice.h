// What is said of a bundle.toml that is no TOML.
#pragma once
#include <string>
#include <string_view>

namespace mrun {

// The line, what is wrong with it and how TOML writes that: "in `kind = image`: a text wants quotes: \"image\"".
// `description` and the position are the parser's: a line and a column (in characters), both from 1.
std::string toml_advice(std::string_view description, std::string_view text, size_t line, size_t column);

}  // namespace mrun
