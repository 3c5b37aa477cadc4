-- The model says how many of its frames are real, since they are fewer than those that it was given.
local decode = require "decode"

return function(output, params)
  local scores, frames = output[1], output[2]:item()
  local heard, letters = decode.ctc_greedy(scores:at { 0, frames }), {}
  for i, token in ipairs(heard.tokens:tolist()) do letters[i] = params.letters[token + 1] end
  return { text = table.concat(letters), first = heard.first, frames = frames, score = heard.score / frames }
end
