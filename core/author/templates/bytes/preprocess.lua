-- preprocess(input, params): one input becomes what the model takes. Here: a file's first bytes become a text.
-- input is the file, a uint8 tensor; positions count from 0.
-- A second value, the context, goes past the model to postprocess; it may be left out.
return function(input, params)
  local size = input:size(0)
  local first = {}
  for i = 0, math.min(params.show, size) - 1 do
    first[i + 1] = string.format("%02x", input[i])
  end
  return table.concat(first, " "), { size = size }
end
