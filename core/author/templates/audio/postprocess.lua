-- postprocess(output, params, context): the model's output becomes the answer. Without a model, output is what
-- preprocess returned: here the samples.
return function(samples, params, context)
  local channels, n = samples:shape()
  return { channels = channels, rate = context.rate, seconds = n / context.rate }
end
