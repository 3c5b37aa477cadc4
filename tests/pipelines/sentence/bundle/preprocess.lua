local bundle, text = require "bundle", require "text"
local tokenizer = text.sentencepiece(bundle.asset "tokenizer.model")

return function(sentence)
  local ids = tokenizer:encode(sentence)
  if ids:size(0) == 0 then
    error { code = "INPUT", message = "a sentence is wanted; this has no words" }
  end
  return ids
end
