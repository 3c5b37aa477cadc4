// Base64 (RFC 4648), as files of tokenizers have it.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace text {

// Nothing for what is none. The padding may be left out, as readers of tokenizer.json take it.
std::optional<std::string> from_base64(std::string_view);

}  // namespace text
