// The syntax tree of a pattern (automaton.h says which patterns there are).
#pragma once
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace decode {

using CodePoints = std::vector<std::pair<uint32_t, uint32_t>>;  // ranges, both ends included; rising, apart

struct Pattern {
  enum Kind { characters, sequence, choice, repeat } kind = sequence;
  CodePoints points;            // characters: one of these
  std::vector<Pattern> parts;   // sequence, choice; repeat: one
  int32_t least = 0, most = 0;  // repeat; most = -1: any number
};

Pattern parse_pattern(std::string_view text);  // throws Error

}  // namespace decode
