// JSON of what a script or a stranger made, which may be long: `look` is called every so many bytes of text, and may throw
// to end it.
#pragma once
#include "value/json.h"

namespace mrun {

inline constexpr size_t json_look = size_t{64} << 10;  // bytes between two looks
using Look = std::function<void()>;

Value parse_json(std::string_view text, const JsonSource &, const Look &);
std::string to_json(const Value &, const JsonOptions &, const Look &);

}  // namespace mrun
