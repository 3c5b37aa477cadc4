// A noun in a sentence of a message.
#pragma once
#include <string>
#include <string_view>

namespace mrun {

// With its article: "an int64", "an audio.stream", "a float32". No u takes "an": "a uint8", "a userdata".
inline std::string with_article(std::string_view noun) {
  const bool vowel = !noun.empty() && std::string_view("aeio").find(noun[0]) != std::string_view::npos;
  return std::string(vowel ? "an " : "a ").append(noun);
}

}  // namespace mrun
