-- What must be written in Lua: calls that suspend the script cannot be C functions. `host` holds the core's functions.
--
-- Coroutines yield to each other with the tag USER in front, which no script can get hold of. Whatever else reaches a
-- resume is for the engine (a model call, the end of a slice) and is passed on upwards.
local host = ...
local raw_resume, raw_yield, create, status = host.resume, host.yield, host.create, host.status
local pcall, error, type, USER = host.pcall, host.error, host.type, host.user

local function after(co, ok, first, ...)
  if not ok then return false, first end
  if first == USER then return true, ... end
  if status(co) == "suspended" then
    raw_yield()
    return after(co, raw_resume(co))
  end
  return true, first, ...
end

local function resume(co, ...)
  host.guard(co)
  return after(co, raw_resume(co, ...))
end

local function wrapped(ok, ...)
  if ok then return ... end
  error((...), 0)
end

local function handled(handler, ok, ...)
  if ok then return true, ... end
  local fine, message = pcall(handler, (...))
  if fine then return false, message end
  return false, "error in error handling"
end

local function finish(task, ...)
  if task == nil then return ... end
  repeat
    local call = host.task_awaited(task)
    if call then
      host.task_deliver(task, pcall(call, host.task_arguments(task)))
    else
      raw_yield()
    end
  until host.task_resume(task)
  return host.task_results(task)
end

return {
  resume = resume,
  wrap = function(f)
    host.check_body(f)
    local co = create(f)
    return function(...) return wrapped(resume(co, ...)) end
  end,
  yield = function(...)
    host.check_yield()
    return raw_yield(USER, ...)
  end,
  -- The handler runs after unwinding, where the time limit reaches it.
  xpcall = function(f, handler, ...)
    host.check_handler(handler)
    return handled(handler, pcall(f, ...))
  end,
  -- A native operation that may call back or wait.
  task = function(operation)
    local start = host.task_start
    return function(...) return finish(start(operation, ...)) end
  end,
  -- A model's method; self is the model. Without a number __call of models and methods: self tells which.
  method = function(method)
    local begin, results = host.model_begin, host.model_results
    return function(self, ...)
      begin(method, self, ...)
      raw_yield()
      return results()
    end
  end,
  -- What instrument.cpp puts into a script's text, by names that no script has by chance. Most values are no userdata, and
  -- cost no call of the core.
  -- x[key(x, k)]
  ["\255key"] = function(t, k)
    if type(k) == "userdata" then host.check_key(t, k) end
    return k
  end,
  -- at(x, k, name): x[k] of an x that is no variable
  ["\255at"] = function(t, k, name)
    local kind = type(t)
    if kind ~= "table" and kind ~= "string" then host.check_indexed(t, name) end
    if type(k) == "userdata" then host.check_key(t, k) end
    return t[k]
  end,
  ["\255condition"] = function(sure, value, ...)
    if type(value) == "userdata" then host.check_condition(sure, value) end
    return value, ...  -- assert(x:eq(1)) may have a message
  end,
  ["\255compared"] = function(value)
    if type(value) == "userdata" then host.check_compared(value) end
    return value
  end
}
