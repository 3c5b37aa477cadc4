-- postprocess(output, params, context): the model's output becomes the answer. Without a model, output is what
-- preprocess returned: here what the header says.
return function(wav)
  local frames = math.floor(wav.bytes / (wav.channels * wav.bits / 8))
  return { channels = wav.channels, rate = wav.rate, bits = wav.bits, seconds = frames / wav.rate }
end
