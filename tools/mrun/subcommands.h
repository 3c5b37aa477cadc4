// The subcommands: args are what follows the name. Each returns the exit status.
#pragma once
#include <string>
#include <vector>

namespace command {

bool is_subcommand(const std::string &);

int run(std::vector<std::string> args);
int make_new(std::vector<std::string> args);
int pack(std::vector<std::string> args);
int unpack(std::vector<std::string> args);
int record(std::vector<std::string> args);
int verify(std::vector<std::string> args);
int rerun(std::vector<std::string> args);
int commit(std::vector<std::string> args);
int log(std::vector<std::string> args);
int diff(std::vector<std::string> args);
int inspect(std::vector<std::string> args);
int operations(std::vector<std::string> args);
int plugins(std::vector<std::string> args);
int new_plugin(std::vector<std::string> args);
int scan(std::vector<std::string> args);
int keygen(std::vector<std::string> args);
int sign(std::vector<std::string> args);
int bench(std::vector<std::string> args);

}  // namespace command
