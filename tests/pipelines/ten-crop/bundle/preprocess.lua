-- Ten rows of one call: the corners and the middle, then those of the mirror image.
local image, torch = require "image", require "torch"

return function(input, params)
  local img = image.resize(image.decode(input), params.resize)
  local rows = {}
  for i, crop in ipairs(image.ten_crop(img, params.crop)) do
    rows[i] = image.normalize(crop, params.mean, params.std)
  end
  return torch.stack(rows)
end
