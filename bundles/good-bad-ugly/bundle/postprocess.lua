-- The logits [3] become a decision and a probability for each label.
local torch = require "torch"

return function(logits, params)
  local p = torch.softmax(logits, -1)
  return {
    decision = params.labels[p:argmax():item() + 1],
    prediction = p:tolist(),
  }
end
