-- preprocess(input, params): one input becomes what the model takes. Here: a WAV file's header is read.
-- input is the file's bytes, a uint8 tensor; positions count from 0.
local function text(bytes, at)
  return string.char(bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3])
end

local function number(bytes, at, count) -- little-endian
  local n = 0
  for i = count - 1, 0, -1 do n = n * 256 + bytes[at + i] end
  return n
end

return function(input)
  local size = input:size(0)
  if size < 12 or text(input, 0) ~= "RIFF" or text(input, 8) ~= "WAVE" then
    error { code = "INPUT", message = "not a WAV file" } -- the input is at fault: this item fails, the others go on
  end
  local wav, at = {}, 12
  while at + 8 <= size do
    local name, length = text(input, at), number(input, at + 4, 4)
    if name == "fmt " and at + 24 <= size then
      wav.channels, wav.rate, wav.bits = number(input, at + 10, 2), number(input, at + 12, 4), number(input, at + 22, 2)
    elseif name == "data" then
      wav.bytes = math.min(length, size - at - 8)
    end
    at = at + 8 + length + length % 2
  end
  if not wav.bytes or not wav.rate or wav.channels * wav.bits * wav.rate == 0 then
    error { code = "INPUT", message = "a WAV file without samples" }
  end
  return wav
end
