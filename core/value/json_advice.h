// How JSON writes what a text that is no JSON probably meant.
#pragma once
#include <string>
#include <string_view>

namespace mrun {

// The parser's words with what to write instead: "invalid literal; a text wants double quotes". `read`: how many bytes
// were read when it failed.
std::string json_advice(std::string_view said, std::string_view text, size_t read);

}  // namespace mrun
