-- The hypotheses, best first, become texts with their scores: the mean log-probability of a piece where length_penalty is 1.
local bundle, text = require "bundle", require "text"
local tokenizer = text.sentencepiece(bundle.asset "tokenizer.model")

return function(hypotheses)
  local answers = {}
  for i, hypothesis in ipairs(hypotheses) do
    answers[i] = { text = tokenizer:decode(hypothesis.tokens), score = hypothesis.score }
  end
  return answers
end
