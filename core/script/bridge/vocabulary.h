// Texts of lines.
#pragma once
#include <functional>
#include <string_view>

#include "value/tensor.h"

struct lua_State;

namespace mrun {

// Each line without its end (\n or \r\n); a last line may lack it.
void each_line(std::string_view text, const std::function<void(std::string_view)> &);
// The object behind bundle.vocab. Of equal lines the first counts.
Value make_vocabulary(const Tensor &text);
void open_vocabularies(lua_State *);

}  // namespace mrun
