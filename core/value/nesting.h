// How deep lists and maps nest in each other. Counted where one is made, from what is in it, as counting later would go as
// deep itself.
#pragma once
#include <mrun/types.h>

#include <algorithm>

#include "base/block.h"

namespace mrun {

// What the owner of a list or a map is.
struct NestingBlock : Block {
  int levels = 1;  // itself included
  void hold(const mrun_value &);
};

// Of a list or map that has an owner, itself included; 0 of any other value.
inline int levels_of(const mrun_value &v) {
  if ((v.kind != MRUN_LIST && v.kind != MRUN_MAP) || v.owner == nullptr) return 0;
  return static_cast<const NestingBlock *>(static_cast<const Block *>(v.owner))->levels;
}

inline void NestingBlock::hold(const mrun_value &inner) { levels = std::max(levels, 1 + levels_of(inner)); }

}  // namespace mrun
