-- A text becomes the ids of its pieces after the begin token.
local bundle, text = require "bundle", require "text"
local tokenizer = text.sentencepiece(bundle.asset "tokenizer.model")

return function(given)
  return tokenizer:encode(given, { add_bos = true })
end
