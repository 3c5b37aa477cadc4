-- postprocess(output, params, context): the model's output becomes the answer. Without a model, output is what
-- preprocess returned.
return function(first, params, context)
  return { size = context.size, first = first }
end
