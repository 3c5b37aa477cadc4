-- Run as a preprocess.lua of a bundle with these assets; see tests/unit/script/modules_test.cpp.
local bundle = require "bundle"

return function()
  assert(bundle.text "text.txt" == "one\r\ntwo\n")
  local lines = bundle.lines "text.txt"
  assert(#lines == 2 and lines[1] == "one" and lines[2] == "two")
  local bytes = bundle.asset "text.txt"
  assert(bytes:size(0) == 9 and bytes[0] == 111 and bytes.dtype == "uint8")
  assert(not pcall(function() bytes[0] = 1 end))
  assert(bundle.json("data.json").a[2] == 3)
  local vocab = bundle.vocab "text.txt"
  assert(vocab.one == 0 and vocab.two == 1 and vocab.three == nil and #vocab == 2)
  assert(bundle.shared("x", function() return {7} end)[1] == 7)
  assert(bundle.shared("x", function() error "made twice" end)[1] == 7)
  assert(bundle.params.k == 5 and #bundle.params.list == 2)
  local ok, e = pcall(bundle.lines, "txet.txt")
  assert(not ok and e.code == "MISSING", e)
  return "ok"
end
