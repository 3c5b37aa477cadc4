// The manual pages of section 1 and the completion of the shells, written from what the subcommands declare.
#pragma once
#include <string>
#include <vector>

#include "describe.h"

namespace command {

// Writes man1/mrun.1, man1/mrun-NAME.1 and completion/{mrun.bash,_mrun,mrun.fish} into `folder`, which is made. The first
// entry is what a bundle is answered with. `overview` is the text of `mrun --help`. Throws IO.
void write_manual(const std::string &folder, const std::vector<SubcommandEntry> &, const std::string &overview);

}  // namespace command
