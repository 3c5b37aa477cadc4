// What an author is told of a folder that is no error: files that are no part of its bundle, so that a name misspelt is
// seen, and what its scripts cannot mean.
#pragma once
#include <string>
#include <vector>

#include "bundle/bundle.h"

namespace mrun {
// A sentence for each, with what was probably meant: "preproces.lua: not part of a bundle, left out; did you mean
// 'preprocess.lua'?". None of a packed bundle.
std::vector<std::string> left_out(const Bundle &);
// The doubts about its scripts (script/lua/doubts.h), then left_out. Throws BUNDLE where a script is no text.
std::vector<std::string> notices(const Bundle &);
}  // namespace mrun
