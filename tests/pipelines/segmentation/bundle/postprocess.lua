-- Where tiles overlap, the mean of their scores.
local torch = require "torch"

return function(scores, params, whole)
  local _, classes = scores:shape()
  local n = params.tile
  local height, width = math.max(whole.height, n), math.max(whole.width, n)
  local sum, count = torch.zeros { classes, height, width }, torch.zeros { height, width }
  for i, place in ipairs(whole.places) do
    local rows, columns = { place[1], place[1] + n }, { place[2], place[2] + n }
    sum:at({}, rows, columns):add_(scores[i - 1])
    count:at(rows, columns):add_(1)
  end
  local mean = (sum / count):at({}, { 0, whole.height }, { 0, whole.width })
  local mask = mean:argmax(0)
  local pixels = torch.bincount(mask:flatten(), nil, classes)
  return { mask = mask, pixels = pixels, mean = mean:mean { 1, 2 } }
end
