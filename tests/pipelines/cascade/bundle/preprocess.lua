-- The finder sees the whole picture small; the crops come from the picture as it is.
local image = require "image"

return function(input, params)
  local img = image.decode(input)
  return image.to_float(image.resize(img, { params.size, params.size })), img
end
