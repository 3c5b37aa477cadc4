-- The model's boxes are centre and size in the square; the answer's are corners in the picture.
local torch, decode = require "torch", require "decode"

return function(output, params, lies)
  local boxes, scores = output[1], output[2]
  local centre, half = boxes:at({}, { 0, 2 }), boxes:at({}, { 2, 4 }) / 2
  local corners = torch.cat({ centre - half, centre + half }, 1)
  local best, class = scores:max(1)
  local keep = decode.nms(corners, best, params.iou, { classes = class, score = params.score, max = params.max })
  local shift = torch.tensor { lies.left, lies.top, lies.left, lies.top }
  local most = torch.tensor { lies.width, lies.height, lies.width, lies.height }
  local found = torch.minimum(((corners[keep] - shift) / lies.scale):clamp { min = 0 }, most):tolist()
  best, class = best[keep], class[keep]
  local answer = {}
  for i, box in ipairs(found) do
    answer[i] = { box = box, class = class[i - 1], score = best[i - 1] }
  end
  return answer
end
