// Places inside nested values, for messages.
#pragma once
#include <span>
#include <string>

namespace mrun {

// "[1].a", of the steps that lead there; of very many the middle ones are "…".
std::string place_text(std::span<const std::string> steps);

}  // namespace mrun
