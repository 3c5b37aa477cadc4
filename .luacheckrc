-- What every script of a bundle sees; std modules and plugin faces see `native` too.
std = "none"
globals = {}
read_globals = {
  "assert", "error", "ipairs", "next", "pairs", "pcall", "xpcall", "rawequal", "rawget", "rawset", "rawlen", "select",
  "setmetatable", "getmetatable", "tonumber", "tostring", "type", "unpack", "require", "emit", "_VERSION",
  "string", "table", "math", "bit", "coroutine",
}
max_line_length = 132
unused_args = false
files["lua/**"] = { read_globals = { "native" } }
files["plugins/**"] = { read_globals = { "native" } }
files["lua/*_test.lua"] = { read_globals = { "native", "print" } }
