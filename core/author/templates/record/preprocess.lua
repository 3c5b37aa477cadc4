-- preprocess(input, params): one input becomes what the model takes. input has the fields that bundle.toml lists under
-- [input.fields]; an optional one may be nil.
return function(input, params)
  local times = input.times or params.times
  if type(times) ~= "number" or times < 0 or times > 100 then
    error { code = "INPUT", message = "times must be a number from 0 to 100" } -- the input is at fault
  end
  return { text = input.text, times = times }
end
