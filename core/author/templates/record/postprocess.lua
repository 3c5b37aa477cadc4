-- postprocess(output, params, context): the model's output becomes the answer. Without a model, output is what
-- preprocess returned.
return function(output)
  return { answer = output.text:rep(output.times, " "), bytes = #output.text }
end
