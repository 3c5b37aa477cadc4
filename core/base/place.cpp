#include "base/place.h"

#include <fmt/ranges.h>

namespace mrun {

std::string place_text(std::span<const std::string> steps) {
  constexpr size_t most = 40, at_each_end = 10;
  if (steps.size() <= most) return fmt::format("{}", fmt::join(steps, ""));
  return fmt::format("{}…{}", fmt::join(steps.first(at_each_end), ""), fmt::join(steps.last(at_each_end), ""));
}

}  // namespace mrun
