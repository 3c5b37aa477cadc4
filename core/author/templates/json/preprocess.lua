-- preprocess(input, params): one input becomes what the model takes. Here: the numbers in a JSON value are collected.
local function collect(value, numbers)
  if type(value) == "number" then
    numbers[#numbers + 1] = value
  elseif type(value) == "table" then
    for _, item in pairs(value) do collect(item, numbers) end
  end
  return numbers
end

return function(input)
  return collect(input, {})
end
