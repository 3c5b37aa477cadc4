// Completion of the command line in bash, zsh and fish. In each `pages` the first is what a bundle is answered with; the others
// are the subcommands. Files are completed where a path, a bundle or an input may stand.
#pragma once
#include <string>
#include <vector>

#include "describe.h"

namespace command {

std::string bash_completion(const std::vector<Page> &pages);
std::string zsh_completion(const std::vector<Page> &pages);
std::string fish_completion(const std::vector<Page> &pages);

}  // namespace command
