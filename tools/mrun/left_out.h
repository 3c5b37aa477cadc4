// What a folder has that is no part of a bundle: said at every run of it, at pack and at commit.
#pragma once
#include "view.h"

namespace command {
void warn_left_out(const View &sentences);  // of a report of pack or commit
// Of a run: hidden files, which are nobody's misspelling, are not named, nor are more than ten.
void warn_left_out(const mrun::bundle &);
}  // namespace command
