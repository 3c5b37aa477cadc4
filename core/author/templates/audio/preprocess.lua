-- preprocess(input, params): one input becomes what the model takes. Here: a sound file becomes its samples.
-- A second value, the context, goes past the model to postprocess; it may be left out.
local audio = require "audio"

return function(input)
  local x, rate = audio.decode(input) -- float32, channels x n, from -1 to 1
  -- For a model, go on with:  x = audio.resample(audio.mono(x), rate, 16000)  return audio.log_mel(x)
  -- float32, 80 x frames: one item, no batch dimension; [batch] mode in bundle.toml says how it is added
  return x, { rate = rate }
end
