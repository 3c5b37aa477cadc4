-- Beam search over the decoder's step; emits the best translation's text as it becomes certain.
local bundle, decode, text, torch = require "bundle", require "decode", require "text", require "torch"
local tokenizer = text.sentencepiece(bundle.asset "tokenizer.model")

return function(model, ids, params)
  local memory = model:encode(ids)
  local stream = tokenizer:stream()
  local function say(part)
    if part ~= "" then emit(part) end
  end
  local hypotheses = decode.beam_search(model:method "step", {
    state = { past = torch.zeros({ 0, memory:size(1) }), place = torch.tensor(0, { dtype = "int64" }) },
    const = { memory = memory, padding = torch.zeros({ ids:size(0) }) },
    bos = tokenizer:bos(),
    eos = tokenizer:eos(),
    suppress = { tokenizer:pad(), tokenizer:unk(), tokenizer:bos() },
    beam = params.beam,
    n_best = params.n_best,
    length_penalty = params.length_penalty,
    no_repeat_ngram = params.no_repeat_ngram,
    max_new = params.max_new,
    on_token = function(token) say(stream:push(token)) end,
  })
  say(stream:flush())
  return hypotheses
end
