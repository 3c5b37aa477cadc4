-- torchvision's evaluation transform: Resize(256), CenterCrop(224), ToTensor, Normalize; the same bits.
local image = require "image"

return function(input, params)
  local img = image.decode(input)
  img = image.resize(img, params.resize)
  img = image.center_crop(img, params.crop)
  return image.normalize(img, params.mean, params.std)
end
