// The plugin text: tokenizers, Unicode, regular expressions.
#include "ops.h"

extern const char mrun_lua_text[];

MRUN_PLUGIN("text", "1.0.0", "Tokenizers, Unicode 16.0 and regular expressions", mrun_lua_text, "Apache-2.0") {
  text::add_sentencepiece(*this);
  text::add_tokenizer(*this);
  text::add_encode(*this);
  text::add_unicode(*this);
}
