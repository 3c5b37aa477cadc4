// The files of a folder that are no part of its bundle, so that a name misspelt is seen.
#pragma once
#include <string>
#include <vector>

#include "bundle/bundle.h"

namespace mrun {
// A sentence for each, with what was probably meant: "preproces.lua: not part of a bundle, left out; did you mean
// 'preprocess.lua'?". None of a packed bundle.
std::vector<std::string> left_out(const Bundle &);
}  // namespace mrun
