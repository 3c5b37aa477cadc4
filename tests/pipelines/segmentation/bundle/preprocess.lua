-- A picture of any size as tiles that overlap, the last ones at its edge: a row each, and where they lie.
local image, torch = require "image", require "torch"

local function starts(length, tile, step)
  local list = {}
  for at = 0, length - tile - 1, step do
    table.insert(list, at)
  end
  table.insert(list, math.max(length - tile, 0))
  return list
end

return function(input, params)
  local img = image.decode(input)
  local height, width = img:shape()
  local tiles, places = {}, {}
  for _, top in ipairs(starts(height, params.tile, params.step)) do
    for _, left in ipairs(starts(width, params.tile, params.step)) do
      table.insert(tiles, image.to_float(image.crop(img, top, left, params.tile, params.tile)))
      table.insert(places, { top, left })
    end
  end
  return torch.stack(tiles), { places = places, height = height, width = width }
end
