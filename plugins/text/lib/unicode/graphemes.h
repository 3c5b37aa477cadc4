// Where a text may be cut: extended grapheme clusters (UAX 29), what a reader takes for a character.
#pragma once
#include <cstddef>
#include <string_view>

namespace text::unicode {

// The end of the cluster that begins at `at` < s.size(), in bytes. `at` is the start of the text or of a cluster.
size_t grapheme_end(std::string_view s, size_t at);

}  // namespace text::unicode
