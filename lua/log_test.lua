-- Run as a preprocess.lua; see tests/unit/script/modules_test.cpp.
local log = require "log"

return function()
  log.debug "a"
  log.info("%d and %s", 1, { 1, { a = "b" } })
  log.warn(nil)
  log.error(true)
  log.warn { x = 0 / 0 }
  log.warn { a = { 1, 2 } }
  log.info("score", 0.5, { 1 }, nil)
  log.info({ 1 }, "of %d")
  log.info("%d of %%", 1, "more")
  return "ok"
end
