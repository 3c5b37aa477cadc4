-- A sentence becomes the ids of its pieces and the end token.
local bundle, text = require "bundle", require "text"
local tokenizer = text.sentencepiece(bundle.asset "tokenizer.model")
local longest = 128 -- pieces; the model knows 256 places and was trained on fewer

return function(sentence)
  local ids = tokenizer:encode(sentence, { add_eos = true })
  if ids:size(0) < 2 or ids:size(0) > longest then
    error {
      code = "INPUT",
      message = string.format("a sentence of 1 to %d pieces is wanted; this has %d", longest - 1, ids:size(0) - 1),
    }
  end
  return ids
end
