-- Run as a preprocess.lua; see tests/unit/script/modules_test.cpp.
local bundle, json = require "bundle", require "json"

return function()
  assert(json.encode{b = 1, a = {}, c = {1.5, true, json.null}} == '{"a":[],"b":1,"c":[1.5,true,null]}')
  assert(json.encode(json.object{}) == "{}")
  for _, text in ipairs{'{"x":{"y":1}}', '{"x":{}}', '{"x":[]}'} do  -- what the core made is the same table, marked
    local inner = json.decode(text).x
    local marked = json.object(inner)
    assert(rawequal(marked, inner) and rawequal(json.object(marked), inner))
    assert(json.encode(marked) == text:match ":(.*)}":gsub("%[%]", "{}"))
  end
  assert(json.encode(json.object(bundle.params.sizes)) == '{"a":[1,2]}')
  assert(json.encode(json.decode '{"x": {}, "y": []}') == '{"x":{},"y":[]}')
  assert(json.decode("[1, null]")[2] == json.null)
  assert(tostring(json.null) == "null")
  assert(json.encode({1, 2}, {pretty = true}):find "\n" or true)
  for _, bad in ipairs{"{", "[1,]", '{"a":1,"a":2}', "9007199254740993", "nul"} do
    assert(not pcall(json.decode, bad), bad)
  end
  for _, bad in ipairs{0 / 0, 1 / 0, "\255", {1, a = 2}, {[3] = 1}, print or tostring} do
    assert(not pcall(json.encode, bad))
  end
  assert(not pcall(json.encode, {}, {prety = true}))
  return "ok"
end
