-- The draws, most probable first: the text after what was given, and the mean log-probability of a piece.
return function(hypotheses)
  local answers = {}
  for i, hypothesis in ipairs(hypotheses) do
    answers[i] = { text = hypothesis.text, score = hypothesis.score }
  end
  return answers
end
