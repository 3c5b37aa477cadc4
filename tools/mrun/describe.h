// What the subcommands declare, as data: --help, the manual pages and the completion say the same.
#pragma once
#include <string>
#include <vector>

#include "arguments.h"

namespace command {

struct SubcommandEntry {
  std::string name, usage, summary;      // "pack", "pack DIR [-o FILE]", "make one .mb file of a folder"
  int (*run)(std::vector<std::string>);  // declares its options by parse_and_run
};

struct Page {
  std::string name, usage, summary;
  std::string text;             // the first paragraph of its --help
  std::vector<Choice> choices;  // in the order of --help
};

// Asks the subcommand for what it declares, without running it.
Page describe(const SubcommandEntry &);

std::string joined(const std::vector<std::string> &parts, const std::string &between);
std::string replaced(std::string text, const std::string &what, const std::string &by);

}  // namespace command
