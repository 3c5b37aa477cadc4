// Lua source as text: what must be known before, or without, compiling it.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace mrun {

// Throws SCRIPT with script and line: bytecode, the number literals that make C data (1LL, 1ULL, 1i), `t.__mode =`, and more
// goto statements than LuaJIT's parser can take in good time.
void check_source(const std::string &script, std::string_view text);
// Of a stage's function, by its file: "(input, params)".
const char *parameters_of_stage(std::string_view file);
// The string literals right behind a name, `require "x"` or `require("x")`, in order of appearance, each once.
std::vector<std::string> literals_after(std::string_view text, std::string_view name);
// The lines of each `return` in these lines.
std::vector<int> return_lines(std::string_view text, int first_line, int last_line);

}  // namespace mrun
