local audio = require "audio"

return function(input)
  return audio.mono((audio.decode(input)))
end
