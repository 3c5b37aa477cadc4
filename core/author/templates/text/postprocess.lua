-- postprocess(output, params, context): the model's output becomes the answer. Without a model, output is what
-- preprocess returned: here the words, of which the most frequent ones are counted.
return function(words, params, context)
  local count, different = {}, {}
  for _, word in ipairs(words) do
    if not count[word] then different[#different + 1] = word end
    count[word] = (count[word] or 0) + 1
  end
  table.sort(different, function(a, b)
    if count[a] ~= count[b] then return count[a] > count[b] end
    return a < b
  end)
  local top = {}
  for i = 1, math.min(params.top_k, #different) do
    top[i] = { word = different[i], count = count[different[i]] }
  end
  return { bytes = context.bytes, words = #words, top = top }
end
