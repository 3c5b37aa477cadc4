// decode: from a model's scores to an answer. decode.lua is its Lua face, decode.md its page.
#include "operations.h"

extern const char mrun_lua_decode[];

MRUN_PLUGIN("decode", "1.1.0", "From a model's scores to an answer.", mrun_lua_decode, "Apache-2.0") {
  decode::add_topk(*this);
  decode::add_nms(*this);
  decode::add_constraint(*this);
  decode::add_ctc(*this);
  decode::add_search(*this);
}
