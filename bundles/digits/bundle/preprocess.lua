-- A picture of one digit, of any size and either way round in brightness, becomes what MNIST's pictures are: float32
-- 1 x 28 x 28, ink 1 on 0, the digit 20 pixels long, its centre of mass in the middle.
local image, torch = require "image", require "torch"
local size = 28 -- a side of the model's picture
local largest = 400 -- a side in pixels beyond which nothing more is to be seen of a digit

local function shrunk(img)
  local h, w = img:shape()
  local scale = largest / math.max(h, w)
  if scale >= 1 then return img end
  return image.resize(img, { math.max(1, math.floor(h * scale)), math.max(1, math.floor(w * scale)) })
end

-- What most of the picture's edge shows: the ground that was written on.
local function ground_of(plane)
  local h, w = plane:shape()
  return torch.cat({ plane[0], plane[h - 1], plane:select(1, 0), plane:select(1, w - 1) }):median():item()
end

-- How much ink is where, from 0 up, [height, width].
local function ink_of(img)
  local rgba = image.to_float(image.convert(img, "RGBA")) -- 4 x height x width
  local alpha = rgba[3]
  if ground_of(alpha) < 0.5 then return alpha end -- written on nothing: the ink is what is not transparent
  local grey = (rgba[0] * 0.299 + rgba[1] * 0.587 + rgba[2] * 0.114) * alpha + (1 - alpha)
  local difference = grey - ground_of(grey)
  local lighter, darker = difference:max():item(), -difference:min():item()
  return (lighter > darker and difference or -difference):clamp(0)
end

-- The first and the last position where a row of numbers is large.
local function extent(values)
  local where = values:gt(0.4):nonzero()
  return where[0][0], where[where:size(0) - 1][0]
end

-- Where the centre of mass of a row of numbers lies, pixel centres at halves.
local function centre(values)
  return ((torch.arange(values:size(0)) + 0.5) * values):sum():item() / values:sum():item()
end

-- The margin before a part of the picture, so that its centre of mass comes to the middle.
local function margin(values)
  local before = math.floor(size / 2 - centre(values) + 0.5)
  return math.max(0, math.min(size - values:size(0), before))
end

return function(input, params)
  if params.length < 1 or params.length > size then
    error(("parameter length: want 1 to %d, got %d"):format(size, params.length))
  end
  local ink = ink_of(shrunk(image.decode(input, { mode = "RGBA", exif = true })))
  local most = ink:max():item()
  if most < params.contrast then
    error { code = "INPUT", message = "there is no digit to be seen: the picture is of one shade" }
  end
  ink = ((ink / most - 0.2) / 0.8):clamp(0) -- without the grain of paper and the traces of compression
  local top, bottom = extent(ink:amax(1))
  local left, right = extent(ink:amax(0))
  local h, w = bottom - top + 1, right - left + 1
  local scale = params.length / math.max(h, w)
  local part = image.crop(ink:unsqueeze(2), top, left, h, w)
  part = image.resize(part, { math.max(1, math.floor(h * scale + 0.5)), math.max(1, math.floor(w * scale + 0.5)) })
  part = part:squeeze(2)
  part = part / part:max()
  local above, before = margin(part:sum(1)), margin(part:sum(0))
  local high, wide = part:shape()
  return torch.F.pad(part, { before, size - wide - before, above, size - high - above }):unsqueeze(0)
end
