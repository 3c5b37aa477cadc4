-- decode: from a model's scores to an answer. See decode.md.
local decode = {}

local topk = native "decode.topk@1"

-- The k best of one item's scores, best first: {label = ..., score = ...}, without labels {id = ..., score = ...}.
function decode.topk(scores, k, labels)
  local values, ids = topk(scores, k)
  local kind = type(labels)
  if kind ~= "nil" and kind ~= "table" and kind ~= "userdata" then
    error("decode.topk: labels: want a list of texts, got a " .. kind, 2)
  end
  if kind == "table" and #labels < scores:numel() then
    error(string.format("decode.topk: labels: %d for %d scores; one for each is wanted", #labels, scores:numel()), 2)
  end
  local answer = {}
  for i = 0, ids:numel() - 1 do
    local id, score = ids[i], values[i]
    if labels == nil then
      answer[i + 1] = { id = id, score = score }
    else
      local label = labels[id + 1]
      if label == nil then
        error(string.format("decode.topk: labels: there is none for position %d of the scores; the list has %d", id, #labels), 2)
      end
      answer[i + 1] = { label = label, score = score }
    end
  end
  return answer
end

decode.nms = native "decode.nms@1"

-- ---- Constraints

local make_pieces, make_constraint = native "decode.pieces@1", native "decode.constraint@1"
native.methods("decode.Constraint", {
  allowed = native "decode.Constraint.allowed@1",
  accepts = native "decode.Constraint.accepts@1",
})

local function has(object, name)
  local ok, method = pcall(function() return object[name] end)
  return ok and method ~= nil
end

local function came(value)
  if value == nil then return "nil" end
  if type(value) ~= "userdata" then return "a " .. type(value) end
  return has(value, "dtype") and "a tensor" or "a " .. tostring(value)
end

local function is_tokenizer(value)
  return type(value) == "table" or (type(value) == "userdata" and has(value, "token_texts"))
end

local function want_tokenizer(name, value, level)
  if value == nil or is_tokenizer(value) then return end
  local what = "%s: tokenizer: want one of module text, as text.tokenizer_json(bundle.asset \"NAME\"), or a list of each "
    .. "token's text, as bundle.lines \"NAME\", got %s"
  error(what:format(name, came(value)), level + 1)
end

local function want_pieces(list, where, level)
  if #list == 0 and next(list) ~= nil then error(where .. "want a list of each token's text, got a map", level) end
  for i, piece in ipairs(list) do
    if type(piece) ~= "string" then error(where .. "item " .. i .. ": want a text, got " .. came(piece), level) end
  end
end

-- The pieces of a tokenizer, or of a list of texts: token 0 is the first.
local function spelled(tokenizer, name, level)
  if type(tokenizer) == "table" then
    want_pieces(tokenizer, name .. ": tokenizer: ", level + 3)
    return make_pieces(tokenizer)
  end
  local pieces, first, later = tokenizer:token_texts()
  return make_pieces(pieces, { first = first, later = later })
end

-- Making these takes a while, and gives the same each time: the last few are kept.
local function remembering(most, make)
  local kept = {}
  return function(key, ...)
    for _, entry in ipairs(kept) do
      if entry.key == key then return entry.value end
    end
    local value = make(key, ...)
    if #kept == most then table.remove(kept, 1) end
    kept[#kept + 1] = { key = key, value = value }
    return value
  end
end

local pieces_of = remembering(4, spelled)
local regex_of = remembering(4, function(pieces)
  return remembering(16, function(regex) return make_constraint(pieces, { regex = regex }) end)
end)

-- {regex = …, tokenizer = …} or {choices = …, tokenizer = …}
local function constraint_of(options, level)
  if type(options) ~= "table" then
    error("decode.constraint: want a table, {regex = … or choices = …, tokenizer = …}, got " .. came(options), level + 1)
  end
  for key in pairs(options) do
    if key ~= "regex" and key ~= "choices" and key ~= "tokenizer" then
      local text = "decode.constraint: there is no option %s; want regex or choices, and tokenizer"
      error(string.format(text, tostring(key)), level + 1)
    end
  end
  want_tokenizer("decode.constraint", options.tokenizer, level + 1)
  local pieces = options.tokenizer and pieces_of(options.tokenizer, "decode.constraint", level + 1)
  if options.regex and pieces and not options.choices then return regex_of(pieces)(options.regex) end
  return make_constraint(pieces, { regex = options.regex, choices = options.choices })
end

function decode.constraint(options)
  local made = constraint_of(options, 2)  -- no tail call: levels are counted
  return made
end

-- ---- Searches

-- The names of a model's method's parameters; none of a Lua function, or of what the operation refuses.
local function parameters_of(step)
  if type(step) ~= "userdata" then return {} end
  if has(step, "parameters") then return step.parameters end
  if has(step, "method") then return step:method("forward").parameters end
  return {}
end

-- What the operations are told from here, and a script does not say.
local made_here = {
  parameters = "they are the step's own",
  pieces = "tokenizer is what they are made of",
}

local function copied(name, options)
  if options ~= nil and type(options) ~= "table" then
    error(string.format("%s: options: want a table, got %s", name, came(options)), 4)
  end
  local o = {}
  for key, value in pairs(options or {}) do
    local why = made_here[key] or (type(key) == "string" and made_here[key:match "^_(.*)"])
    if why then error(string.format("%s: %s is no option: %s", name, key, why), 4) end
    o[key] = value
  end
  return o
end

-- The options as the operation takes them: pieces for a tokenizer, an object for a table of what constrains.
local function prepared(name, step, options)
  local o = copied(name, options)
  o._parameters = parameters_of(step)
  want_tokenizer(name, o.tokenizer, 3)
  if type(o.constrain) == "table" then
    local c = {}
    for key, value in pairs(o.constrain) do c[key] = value end
    c.tokenizer = c.tokenizer or o.tokenizer
    o.constrain = constraint_of(c, 3)
  end
  if o.tokenizer ~= nil then
    if o.stop ~= nil then o._pieces = pieces_of(o.tokenizer, name, 3) end
    o.tokenizer = nil
  end
  if type(o.stop) == "string" then o.stop = { o.stop } end
  return o
end

local beam_search, greedy, sample = native "decode.beam_search@1", native "decode.greedy@1", native "decode.sample@1"

function decode.beam_search(step, options) return beam_search(step, prepared("decode.beam_search", step, options)) end

function decode.greedy(step, options) return greedy(step, prepared("decode.greedy", step, options)) end

function decode.sample(step, options) return sample(step, prepared("decode.sample", step, options)) end

-- ---- Sequences

decode.ctc_greedy = native "decode.ctc_greedy@1"
decode.ctc_beam = native "decode.ctc_beam@1"
decode.ctc_align = native "decode.ctc_align@1"
decode.viterbi = native "decode.viterbi@1"
decode.dtw = native "decode.dtw@1"
decode.attention_times = native "decode.attention_times@1"

local edit_distance = native "decode.edit_distance@1"

function decode.edit_distance(a, b)
  local distance, substitutions, insertions, deletions = edit_distance(a, b)
  return distance, { substitutions = substitutions, insertions = insertions, deletions = deletions }
end

local function want_texts(name, list)
  if type(list) ~= "table" then error("decode.word_times: " .. name .. ": want a list of texts, got " .. came(list), 3) end
  for i, text in ipairs(list) do
    if type(text) ~= "string" then
      error(string.format("decode.word_times: %s[%d]: want a text, got %s", name, i, came(text)), 3)
    end
  end
end

-- A place for each piece.
local function want_places(name, places, count)
  if type(places) ~= "userdata" or not has(places, "numel") then
    error("decode.word_times: " .. name .. ": want a tensor, got " .. came(places), 3)
  end
  if places:dim() ~= 1 or places:size(0) ~= count then
    local text = "decode.word_times: %s: want a place for each piece, [%d], got [%s]"
    error(string.format(text, name, count, table.concat({ places:shape() }, ", ")), 3)
  end
end

-- Words from the pieces of tokens and the places of each: a piece that begins with the mark, or is it, begins a word.
function decode.word_times(pieces, first, last, mark)
  mark = mark == nil and "▁" or mark
  want_texts("pieces", pieces)
  want_places("first", first, #pieces)
  want_places("last", last, #pieces)
  if type(mark) ~= "string" then error("decode.word_times: mark: want a text, got " .. came(mark), 2) end
  local words = {}
  for i, piece in ipairs(pieces) do
    local word = words[#words]
    local begins = piece:sub(1, #mark) == mark
    local text = begins and piece:sub(#mark + 1) or piece
    if word == nil or (begins and word.word ~= "") then
      word = { word = "", first = first[i - 1] }
      words[#words + 1] = word
    end
    if word.word == "" then word.first = first[i - 1] end
    word.word = word.word .. text
    word.last = last[i - 1]
  end
  if #words > 0 and words[#words].word == "" then words[#words] = nil end
  return words
end

return decode
