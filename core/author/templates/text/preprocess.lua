-- preprocess(input, params): one input becomes what the model takes. Here: a text becomes the list of its words.
-- A second value, the context, goes past the model to postprocess; it may be left out.
return function(input, params)
  local words = {}
  for word in input:gmatch "%S+" do
    words[#words + 1] = params.lower and word:lower() or word
  end
  return words, { bytes = #input }
end
