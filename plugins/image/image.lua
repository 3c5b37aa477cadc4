-- image: decode, resize, crop, normalize, draw, encode. See image.md.
local image = {
  decode = native "image.decode@1",
  encode = native "image.encode@1",
  resize = native "image.resize@1",
  center_crop = native "image.center_crop@1",
  crop = native "image.crop@1",
  crop_resize = native "image.crop_resize@1",
  flip = native "image.flip@1",
  pad = native "image.pad@1",
  to_float = native "image.to_float@1",
  normalize = native "image.normalize@1",
  convert = native "image.convert@1",
  rotate = native "image.rotate@1",
  warp = native "image.warp@1",
  draw_boxes = native "image.draw_boxes@1",
}

local letterbox = native "image.letterbox@1"

-- The image, and how it lies: a point (x, y) of the result is ((x - left) / scale, (y - top) / scale) of the source.
function image.letterbox(...)
  local img, scale, left, top = letterbox(...)
  return img, { scale = scale, left = left, top = top }
end

return image
