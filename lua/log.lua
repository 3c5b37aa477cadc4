-- Lines in the log of the item that is being worked on. See log.md.
local write = native "core.log@1"

local function logger(level)
  return function(first, ...)
    local text = tostring(first)
    if select("#", ...) > 0 then text = string.format(text, ...) end
    write(level, text)
  end
end

return { debug = logger(0), info = logger(1), warn = logger(2), error = logger(3) }
