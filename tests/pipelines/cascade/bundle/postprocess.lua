local torch = require "torch"

return function(found)
  if not found.names then
    return {}
  end
  local share, name = torch.softmax(found.names, -1):max(1)
  local answer = {}
  for i, box in ipairs(found.boxes:tolist()) do
    answer[i] = { box = box, name = name[i - 1], share = share[i - 1] }
  end
  return answer
end
