-- The logits [1000] become the most probable classes, best first.
local bundle, torch = require "bundle", require "torch"
local labels = bundle.lines "labels.txt"

return function(logits, params)
  local p, id = torch.softmax(logits, -1):topk(params.top_k)
  local answer = {}
  for i = 0, params.top_k - 1 do
    answer[i + 1] = { label = labels[id[i] + 1], score = p[i] }
  end
  return answer
end
