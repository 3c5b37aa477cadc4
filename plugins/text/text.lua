-- text: tokenizers, Unicode, regular expressions. See text.md.
local text = {}

-- A method that is called with a dot has another value for its object.
local function want_self(self, kind, class, method)
  if type(self) == kind then return end
  local got = self == nil and "nil" or "a " .. type(self)
  error(("text.%s.%s: self: want text.%s, got %s; a method is called with a colon: %s:%s(…)"):format(
    class, method, class, got, class:lower(), method), 3)
end

-- A tokenizer's four results as one table.
local function tokens(call)
  return function(self, ...)
    local ids, types, offsets, pieces = call(self, ...)
    return { ids = ids, types = types, offsets = offsets, pieces = pieces }
  end
end

-- Text as ids come one by one. What may still change, an unfinished character above all, is held back.
-- `ids` are those whose text is not all given, behind `context` given ones, whose text is `known`: it decides about spaces.
local Stream = {}
Stream.__index = Stream

local function pending(self)
  local ids = {}
  for i = self.context + 1, #self.ids do ids[#ids + 1] = self.ids[i] end
  return ids
end

-- What `whole` has behind the known text. Where ids changed that text, which is given already, they are read by themselves:
-- a byte that stays unfinished makes all bytes before it unreadable to ByteFallback.
local function behind(self, whole)
  local known = self.known
  if whole:sub(1, #known) == known then return whole:sub(#known + 1) end
  return self.decode(pending(self))
end

function Stream:push(id)
  want_self(self, "table", "Stream", "push")
  if type(id) ~= "number" then error("push: want the id of a token, a number, got " .. type(id), 2) end
  local ids = self.ids
  ids[#ids + 1] = id
  local whole = self.decode(ids)
  if whole:sub(-3) == "\239\191\189" then return "" end
  local new = behind(self, whole)
  if new == "" then return "" end
  local kept = pending(self)
  local known = self.decode(kept)
  -- A space may be nothing where a text begins: then it says nothing about what follows.
  if known == "" then kept, known = ids, whole end
  self.ids, self.context, self.known = kept, #kept, known
  return new
end

-- What was held back, unfinished as it is; from here the stream is as new.
function Stream:flush()
  want_self(self, "table", "Stream", "flush")
  local rest = behind(self, self.decode(self.ids))
  self.ids, self.context, self.known = {}, 0, ""
  return rest
end

local function stream(tokenizer, options)
  want_self(tokenizer, "userdata", "Tokenizer", "stream")
  local function decode(ids)
    if options then return tokenizer:decode(ids, options) end
    return tokenizer:decode(ids)
  end
  return setmetatable({ decode = decode, ids = {}, context = 0, known = "" }, Stream)
end

-- With padding: ids, attention mask and types as rows of one length; else a list of ids.
local function batches(call)
  return function(self, texts, options)
    local ids, mask, types = call(self, texts, options)
    if mask == nil then return ids end
    return ids, mask, types
  end
end

-- A string is a name more often than a file's bytes.
local function of_bytes(name, make)
  return function(bytes, ...)
    if type(bytes) == "string" then
      error(('text.%s: want the bytes of a file, bundle.asset "NAME", got a string'):format(name), 2)
    end
    return make(bytes, ...)
  end
end

text.sentencepiece = of_bytes("sentencepiece", native "text.sentencepiece@1")
native.methods("text.SentencePiece", {
  encode = native "text.SentencePiece.encode@1",
  encode_batch = batches(native "text.SentencePiece.encode_batch@2"),
  tokenize = tokens(native "text.SentencePiece.tokenize@1"),
  decode = native "text.SentencePiece.decode@1",
  token_texts = native "text.SentencePiece.token_texts@1",
  stream = stream,
  size = native "text.SentencePiece.size@1",
  piece = native "text.SentencePiece.piece@1",
  id = native "text.SentencePiece.id@1",
  bos = native "text.SentencePiece.bos@1",
  eos = native "text.SentencePiece.eos@1",
  unk = native "text.SentencePiece.unk@1",
  pad = native "text.SentencePiece.pad@1",
})

text.tokenizer_json = of_bytes("tokenizer_json", native "text.tokenizer_json@1")
text.wordpiece = of_bytes("wordpiece", native "text.wordpiece@1")
text.tiktoken = of_bytes("tiktoken", native "text.tiktoken@1")
native.methods("text.Tokenizer", {
  encode = native "text.Tokenizer.encode@2",
  encode_batch = batches(native "text.Tokenizer.encode_batch@2"),
  tokenize = native "text.Tokenizer.tokenize@2",
  tokenize_batch = native "text.Tokenizer.tokenize_batch@1",
  decode = native "text.Tokenizer.decode@1",
  token_texts = native "text.Tokenizer.token_texts@1",
  stream = stream,
  size = native "text.Tokenizer.size@1",
  piece = native "text.Tokenizer.piece@1",
  id = native "text.Tokenizer.id@1",
})

text.unicode_version = "16.0.0"
text.nfc = native "text.nfc@1"
text.nfd = native "text.nfd@1"
text.nfkc = native "text.nfkc@1"
text.nfkd = native "text.nfkd@1"
text.lower = native "text.lower@1"
text.upper = native "text.upper@1"
text.fold = native "text.fold@1"
text.strip_accents = native "text.strip_accents@1"
text.characters = native "text.characters@1"
text.graphemes = native "text.graphemes@1"

-- How many bytes a character has whose first byte is this, and what the second may be (Unicode 16, table 3-7). A byte that
-- begins none may be followed by nothing.
local function width_of(lead)
  if lead < 0xc2 or lead > 0xf4 then return 2, 1, 0 end
  if lead < 0xe0 then return 2, 0x80, 0xbf end
  if lead < 0xf0 then return 3, lead == 0xe0 and 0xa0 or 0x80, lead == 0xed and 0x9f or 0xbf end
  return 4, lead == 0xf0 and 0x90 or 0x80, lead == 0xf4 and 0x8f or 0xbf
end

-- A string that is no text passes to no operation, so it is repaired here.
local function repair_string(s)
  local parts, done, at = {}, 1, s:find("[\128-\255]")
  while at do
    local width, low, high = width_of(s:byte(at))
    local got = 1
    while got < width do
      local byte = s:byte(at + got)
      if not byte or byte < low or byte > high then break end
      got, low, high = got + 1, 0x80, 0xbf
    end
    if got < width then
      parts[#parts + 1] = s:sub(done, at - 1)
      parts[#parts + 1] = "\239\191\189"
      done = at + got
    end
    at = s:find("[\128-\255]", at + got)
  end
  parts[#parts + 1] = s:sub(done)
  return table.concat(parts)
end

local repair_bytes = native "text.repair@1"
function text.repair(x)
  if type(x) == "string" then return repair_string(x) end
  return repair_bytes(x)
end

text.regex = native "text.regex@1"
local find = native "text.Regex.find@1"
local find_all = native "text.Regex.find_all@1"
local gsub = native "text.Regex.gsub@1"

-- What a match gives: its groups, then those that have names in a table; or all of it where there are none. Groups that took
-- no part are false.
local function captures(s, m)
  if m[3] == nil then return s:sub(m[1], m[2]) end
  return unpack(m, 3)
end

local regex = { split = native "text.Regex.split@1" }

function regex.find(self, s, init)
  local m = find(self, s, init)
  if m[1] == nil then return nil end
  return unpack(m)
end

function regex.match(self, s, init)
  want_self(self, "userdata", "Regex", "match")
  local m = find(self, s, init)
  if m[1] == nil then return nil end
  return captures(s, m)
end

function regex.gmatch(self, s)
  want_self(self, "userdata", "Regex", "gmatch")
  local all, i = find_all(self, s), 0
  return function()
    i = i + 1
    if all[i] then return captures(s, all[i]) end
  end
end

-- with: a string (%1 is a group), a table from the first capture, or a function of the captures; false or nil keeps the match.
function regex.gsub(self, s, with, count)
  want_self(self, "userdata", "Regex", "gsub")
  local kind = type(with)
  if kind == "string" or kind == "number" then return gsub(self, s, tostring(with), count) end
  if kind ~= "table" and kind ~= "function" then
    error("text.Regex.gsub: with: want a string, a table or a function, got " .. kind, 2)
  end
  local parts, done, made = {}, 1, 0
  for _, m in ipairs(find_all(self, s)) do
    if made == count then break end
    made = made + 1
    local new
    if kind == "table" then new = with[(captures(s, m))] else new = with(captures(s, m)) end
    if new and type(new) ~= "string" and type(new) ~= "number" then
      error(("text.Regex.gsub: want a string for '%s', or nil to keep it, got a %s"):format(s:sub(m[1], m[2]), type(new)), 2)
    end
    parts[#parts + 1] = s:sub(done, m[1] - 1)
    parts[#parts + 1] = new or s:sub(m[1], m[2])
    done = m[2] + 1
  end
  parts[#parts + 1] = s:sub(done)
  return table.concat(parts), made
end

native.methods("text.Regex", regex)

return text
