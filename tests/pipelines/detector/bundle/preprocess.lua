-- The picture in a square, and how it lies there.
local image = require "image"

return function(input, params)
  local img = image.decode(input)
  local height, width = img:shape()
  local square, lies = image.letterbox(img, params.size, { antialias = true })
  lies.width, lies.height = width, height
  return image.to_float(square), lies
end
