// What a folder has that is no part of a bundle: said at every run of it, at pack and at commit.
#pragma once
#include <functional>

#include "view.h"

namespace command {
void warn_left_out(const View &sentences);  // of a report of pack or commit
// Of a run: hidden files, which are nobody's misspelling, are not named, nor are more than ten.
void warn_left_out(const mrun::bundle &);
// The report of a function of mrun.h that packs `folder`. Where it fails for what the folder has, what is left out is told
// first: what a script misses may be among it.
std::string telling_left_out(const std::string &folder, const std::function<int(char **, mrun_error *)> &);
}  // namespace command
