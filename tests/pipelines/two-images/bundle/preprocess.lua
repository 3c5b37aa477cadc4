-- The model's arguments by name; the note goes past the model.
local image = require "image"

return function(input, params)
  local function square(picture)
    return image.to_float(image.resize(image.decode(picture), { params.size, params.size }))
  end
  return { first = square(input.first), second = square(input.second) }, input.note
end
