-- Lines in the log of the item that is being worked on. See log.md.
local write, encode = native "core.log@1", native "core.json_encode@1"

-- A table or tensor with what it holds, where JSON can hold that.
local function readable(value)
  local kind = type(value)
  if kind ~= "table" and kind ~= "userdata" then return value end
  local ok, json = pcall(encode, value, false)
  if not ok then return tostring(value) end
  return kind == "table" and json or tostring(value) .. " " .. json
end

-- How many arguments a format names.
local function wanted_by(format)
  if type(format) ~= "string" then return 0 end
  local _, count = format:gsub("%%%%", ""):gsub("%%", "")
  return count
end

-- What the format does not name comes behind it, as print has it.
local function logger(level)
  return function(first, ...)
    local n, rest = select("#", ...), { ... }
    if n == 0 then return write(level, tostring(readable(first))) end
    for i = 1, n do rest[i] = readable(rest[i]) end
    local line = type(first) == "string" and first:format(unpack(rest, 1, n)) or tostring(readable(first))
    for i = wanted_by(first) + 1, n do line = line .. " " .. tostring(rest[i]) end
    write(level, line)
  end
end

return { debug = logger(0), info = logger(1), warn = logger(2), error = logger(3) }
