-- Run as a preprocess.lua; see tests/unit/script/modules_test.cpp.
local log = require "log"

return function()
  log.debug "a"
  log.info("%d and %s", 1, {})
  log.warn(nil)
  log.error(true)
  return "ok"
end
