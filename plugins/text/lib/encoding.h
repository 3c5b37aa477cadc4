// What both tokenizers return.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace text {

struct Offsets {
  uint32_t begin = 0, end = 0;  // of the original text; half open
  bool operator==(const Offsets &) const = default;
};

// Parallel arrays, one entry a token.
struct Encoding {
  std::vector<int64_t> ids;
  std::vector<int64_t> types;  // 0 for the first text and what belongs to it, 1 for the second
  std::vector<Offsets> offsets;
  std::vector<std::string> pieces;
};

enum class OffsetUnit { character, byte };

}  // namespace text
