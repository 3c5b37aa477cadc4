-- The model's arguments by name (the engine adds `lengths`); words and offsets go past it.
local text, bundle = require "text", require "bundle"
local tokenizer = text.wordpiece(bundle.asset "vocab.txt", { lower = true })

return function(input)
  local t = tokenizer:tokenize(input, { word_ids = true, attention_mask = true })
  if t.ids:size(0) == 2 then error { code = "INPUT", message = "a text is wanted; this has no words" } end
  return { ids = t.ids, attention_mask = t.attention_mask }, { text = input, words = t.word_ids, offsets = t.offsets }
end
