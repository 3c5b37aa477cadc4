-- The tag of a word is its first piece's; I- goes on with what the word before is in.
local bundle, text, torch = require "bundle", require "text", require "torch"
local tags = bundle.lines "tags.txt"

return function(logits, _, context)
  local characters = text.characters(context.text)
  local scores, best = torch.softmax(logits, -1):max(-1)
  local spans, open, last = {}, nil, -1
  for i = 0, logits:size(0) - 1 do
    local word, from, to = context.words[i], context.offsets[i][0], context.offsets[i][1]
    local tag = tags[best[i] + 1]
    local part, kind = tag:sub(1, 1), tag:sub(3)
    if word >= 0 and word == last then
      if open then open["end"] = to end
    elseif word >= 0 and part == "I" and open and open.type == kind then
      open["end"] = to
    elseif word >= 0 then
      open = part ~= "O" and { type = kind, start = from, ["end"] = to, score = scores[i] } or nil
      spans[#spans + 1] = open
    end
    last = word
  end
  for _, span in ipairs(spans) do span.text = table.concat(characters, "", span.start + 1, span["end"]) end
  return { spans = spans, pieces = logits:size(0) }
end
