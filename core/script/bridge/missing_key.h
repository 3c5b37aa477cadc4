// Lua gives nil without a word for a key that a table lacks. Of a table that the core made, the log tells once of what
// cannot be meant: a label behind the last, output.logit where there are logits, best.tokens of a list, s[1] of a text.
#pragma once
#include <lua.hpp>

namespace mrun {

// (table, key): the key is asked for, and the table lacks it.
void doubt_missing_key(lua_State *);

// (the library string, key): a text is asked for what is no method of texts.
void doubt_missing_method(lua_State *);

}  // namespace mrun
