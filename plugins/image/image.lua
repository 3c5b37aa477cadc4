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

-- The four corners, top left first, and the middle: torchvision's five_crop.
function image.five_crop(img, size)
  local middle = image.center_crop(img, size) -- which looks at both arguments
  local height, width = img:shape()
  local h, w = middle:shape()
  if h > height or w > width then
    error(string.format("image.five_crop: size: a crop of %d x %d is larger than the image, %d x %d", h, w, height, width), 2)
  end
  local bottom, right = height - h, width - w
  return {
    image.crop(img, 0, 0, h, w),
    image.crop(img, 0, right, h, w),
    image.crop(img, bottom, 0, h, w),
    image.crop(img, bottom, right, h, w),
    middle,
  }
end

-- Those, then the same of the mirror image: torchvision's ten_crop.
function image.ten_crop(img, size)
  local crops = image.five_crop(img, size)
  for _, crop in ipairs(image.five_crop(image.flip(img, "horizontal"), size)) do
    crops[#crops + 1] = crop
  end
  return crops
end

return image
