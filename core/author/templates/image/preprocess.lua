-- preprocess(input, params): one input becomes what the model takes. Here: a photo becomes a small square of pixels.
-- A second value, the context, goes past the model to postprocess; it may be left out.
local image = require "image"

return function(input, params)
  local img = image.decode(input) -- uint8, height x width x 3, RGB
  local height, width = img:shape()
  -- For a model, go on with:  return image.normalize(img, params.mean, params.std)
  -- float32, 3 x height x width: one item, no batch dimension; [batch] mode in bundle.toml says how it is added
  return image.resize(img, { params.size, params.size }), { width = width, height = height }
end
