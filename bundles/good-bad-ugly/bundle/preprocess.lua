-- A sentence becomes the ids of its pieces.
local bundle, text = require "bundle", require "text"
local tokenizer = text.sentencepiece(bundle.asset "tokenizer.model")

return function(sentence)
  local ids = tokenizer:encode(sentence)
  if ids:size(0) == 0 then
    error { code = "INPUT", message = "the sentence is empty" }
  end
  return ids
end
