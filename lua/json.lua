-- JSON text to Lua values and back. See json.md.
local encode = native "core.json_encode@1"

local function json_encode(value, options)
  if options == nil then return encode(value, false) end
  for key in pairs(options) do
    if key ~= "pretty" then error(("json.encode: there is no option %s; it has pretty"):format(tostring(key)), 2) end
  end
  return encode(value, options.pretty)
end

return {
  encode = json_encode,
  decode = native "core.json_decode@1",
  null = native "core.json_null@1" (),
  object = native "core.json_object@1"
}
