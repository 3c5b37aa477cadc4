// Differences of two texts by lines, as `diff -u` prints them.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace mrun {

struct TextDiff {
  std::string unified;            // hunks with three lines of context, without the file names; empty where equal
  size_t added = 0, removed = 0;  // lines
};

// E. Myers, "An O(ND) Difference Algorithm and Its Variations", 1986: the fewest lines added and removed; where that
// would take more than some thousand, the part that differs is replaced whole.
TextDiff diff_text(std::string_view before, std::string_view after);

}  // namespace mrun
