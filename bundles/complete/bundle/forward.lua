-- Draws pieces one after the other; emits the first draw's text as it comes.
local bundle, decode, text, torch = require "bundle", require "decode", require "text", require "torch"
local tokenizer = text.sentencepiece(bundle.asset "tokenizer.model")

local function wanted(params)
  local chosen = #params.choices > 0 and params.choices[1] ~= ""
  if params.regex ~= "" and chosen then error "parameters regex and choices: want one of them" end
  if params.regex ~= "" then return { regex = params.regex } end
  if chosen then return { choices = params.choices } end
end

-- What a stream says after the text that was given.
local function continuation(ids)
  local stream = tokenizer:stream()
  for i = 1, ids:size(0) - 1 do stream:push(ids[i]) end
  return stream
end

return function(model, ids, params)
  local stream = continuation(ids)
  local function say(part)
    if part ~= "" then emit(part) end
  end
  local hypotheses = decode.sample(model:method "step", {
    state = { h = torch.zeros({ 352 }) },
    prefix = ids,
    eos = tokenizer:bos(), -- the next verse's begin
    suppress = { tokenizer:unk(), tokenizer:eos() },
    max_new = params.max_new,
    n_best = params.n_best,
    temperature = params.temperature,
    top_k = params.top_k,
    top_p = params.top_p,
    tokenizer = tokenizer,
    stop = #params.stop > 0 and params.stop or nil,
    constrain = wanted(params),
    on_token = function(token) say(stream:push(token)) end,
  })
  say(stream:flush())
  for _, hypothesis in ipairs(hypotheses) do
    local parts, rest = {}, continuation(ids)
    for i, token in ipairs(hypothesis.tokens:tolist()) do parts[i] = rest:push(token) end
    hypothesis.text = table.concat(parts) .. rest:flush()
  end
  return hypotheses
end
