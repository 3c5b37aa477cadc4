// Where a text that is not UTF-8 stops being it, for messages; base/text.h says whether one is.
#pragma once
#include <cstddef>
#include <string_view>

namespace mrun {

size_t utf8_until(std::string_view);  // the place of the first byte that is not UTF-8; the size where there is none

}  // namespace mrun
