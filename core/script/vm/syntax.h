// What a syntax error probably comes from.
#pragma once
#include <string>
#include <string_view>

namespace mrun {

// For the end of LuaJIT's message about a script's `text`, with the line that it names: that line, and how Lua writes
// what was meant where other languages write it otherwise. Empty where there is neither.
std::string syntax_advice(std::string_view message, std::string_view line, std::string_view text);

}  // namespace mrun
