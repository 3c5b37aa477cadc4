-- text: tokenizers, Unicode, regular expressions. See text.md.
local text = {}

-- A tokenizer's four results as one table.
local function tokens(call)
  return function(self, ...)
    local ids, types, offsets, pieces = call(self, ...)
    return { ids = ids, types = types, offsets = offsets, pieces = pieces }
  end
end

text.sentencepiece = native "text.sentencepiece@1"
native.methods("text.SentencePiece", {
  encode = native "text.SentencePiece.encode@1",
  encode_batch = native "text.SentencePiece.encode_batch@1",
  tokenize = tokens(native "text.SentencePiece.tokenize@1"),
  decode = native "text.SentencePiece.decode@1",
  size = native "text.SentencePiece.size@1",
  piece = native "text.SentencePiece.piece@1",
  id = native "text.SentencePiece.id@1",
  bos = native "text.SentencePiece.bos@1",
  eos = native "text.SentencePiece.eos@1",
  unk = native "text.SentencePiece.unk@1",
  pad = native "text.SentencePiece.pad@1",
})

return text
