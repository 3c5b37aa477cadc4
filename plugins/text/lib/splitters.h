// The splitting patterns of the GPT family, written out: the same cuts as the regular expression, in one pass.
#pragma once
#include <functional>
#include <string_view>

namespace text {

// Where the part that begins at `at` ends; at < s.size().
using Splitter = size_t (*)(std::string_view s, size_t at);

size_t split_gpt2(std::string_view s, size_t at);

// The splitter of a regular expression, nullptr for one that is not known here.
Splitter known_splitter(std::string_view pattern);

}  // namespace text
