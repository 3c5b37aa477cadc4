// Calls of tensor_checks.h's functions put into a script's text, where it may have a tensor and Lua would be silent.
#pragma once
#include <string>
#include <string_view>

namespace mrun {

// The text, which compiles, with these calls, line for line; as it is where it is too long to be more than data.
std::string instrument(std::string_view text);

}  // namespace mrun
