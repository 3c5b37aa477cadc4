-- The logits [10] become the digit, how sure that is, and the probability of each.
local torch = require "torch"

return function(logits)
  local p = torch.softmax(logits, -1)
  local digit = p:argmax():item()
  return { digit = digit, score = p[digit], scores = p:tolist() }
end
