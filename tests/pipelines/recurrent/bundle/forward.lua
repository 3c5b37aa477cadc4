-- Chunk by chunk, as it would come from a microphone; the state goes from one to the next.
local torch = require "torch"

return function(model, x, params)
  local state, scores = torch.zeros { params.width }, nil
  local heard = {}
  for first = 0, x:size(0) - 1, params.chunk do
    local last = math.min(first + params.chunk, x:size(0))
    scores, state = model(x:at { first, last }, state)
    table.insert(heard, scores:argmax():item())
    emit(heard[#heard])
  end
  return { heard = heard, scores = scores }
end
