-- postprocess(output, params, context): the model's output becomes the answer. Without a model, output is what
-- preprocess returned: here each tensor is described.
local function describe(t)
  return { dtype = t.dtype, shape = { t:shape() }, elements = t:numel() }
end

return function(output)
  if type(output) ~= "table" then return describe(output) end
  local answer = {}
  for name, t in pairs(output) do answer[name] = describe(t) end
  return answer
end
