-- Two encoders of one file: attention, which takes a mask, and one that takes lengths.
require "torch"

return function(model, ids)
  local mean, hidden = model:attend(ids)
  return { mean = mean, last = model:last(ids), pieces = hidden:size(0), peak = hidden:amax(0) }
end
