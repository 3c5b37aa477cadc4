// The command line of a subcommand: read, explained, run.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "command_line.h"

namespace command {
// Parses argv (without the command's name) and calls `run`; usage errors and failures are reported.
int parse_and_run(CommandLine &, std::vector<std::string> args, const std::function<int()> &run);
// Checks of an option's value: it is a number of that range.
Check whole_number(uint64_t lowest, uint64_t highest);
Check number(double lowest, double highest);
Check seconds();  // above 0, or -1: no limit
// A help for the terminal's width, 80 columns at most: what is longer goes on below, at `column` where it begins with
// blanks.
std::string fitted_help(const std::string &help, size_t column);
// Until it is called with nothing, parse_and_run hands its command line to `f` and does nothing else.
void describe_apps(std::function<void(const CommandLine &)> f);
}  // namespace command
