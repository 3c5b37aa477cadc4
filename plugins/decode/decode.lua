-- decode: from a model's scores to an answer. See decode.md.
local decode = {}

local topk = native "decode.topk@1"

-- The k best of one item's scores, best first: {label = ..., score = ...}, without labels {id = ..., score = ...}.
function decode.topk(scores, k, labels)
  if type(labels) == "table" and #labels < scores:numel() then
    error(string.format("decode.topk: labels: %d for %d scores; one for each is wanted", #labels, scores:numel()), 2)
  end
  local values, ids = topk(scores, k)
  local answer = {}
  for i = 0, ids:numel() - 1 do
    local id, score = ids[i], values[i]
    if labels == nil then
      answer[i + 1] = { id = id, score = score }
    else
      local label = labels[id + 1]
      if label == nil then
        error(string.format("decode.topk: labels: there is none for position %d of the scores (%d labels)", id, #labels), 2)
      end
      answer[i + 1] = { label = label, score = score }
    end
  end
  return answer
end

decode.nms = native "decode.nms@1"

return decode
