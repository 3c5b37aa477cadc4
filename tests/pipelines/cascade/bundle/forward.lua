-- One call finds boxes, a second names what is in them: a row a crop.
local image, torch, decode = require "image", require "torch", require "decode"

return function(model, x, params, img)
  local boxes, scores = model.find(x)
  local keep = decode.nms(boxes, scores, 0.3, { score = params.score, max = params.max })
  if keep:size(0) == 0 then
    return { boxes = {} }
  end
  local height, width = img:shape()
  boxes = boxes[keep] * torch.tensor { width, height, width, height } / params.size
  local crops = image.crop_resize(img, boxes, params.crop)
  return { boxes = boxes, names = model.name(crops:permute(0, 3, 1, 2):float() / 255) }
end
