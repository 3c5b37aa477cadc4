-- torch: PyTorch's names, arguments and meaning for scripts; torch.md says what differs. ATen's operators are Python's
-- functions wherever their schemas say the same; what Python adds on top of ATen is written out below.
local null = native "core.json_null@1" ()
local native, select, type, pairs, ipairs, unpack, next = native, select, type, pairs, ipairs, unpack, next

-- ---- arguments ----------------------------------------------------------------------------------------------------

-- Keyword arguments are the last argument, a table whose keys are all strings; {} is a list, or none of them where no list
-- can stand.
local function is_keywords(v) return type(v) == "table" and type((next(v))) == "string" end
local function is_empty(v) return type(v) == "table" and next(v) == nil end

-- (2, 3) and ({2, 3}), both with or without keywords after them -> {2, 3}, keywords
local function sizes(...)
  local count, first = select("#", ...), (...)
  local keywords = count > 0 and select(count, ...)
  if is_keywords(keywords) then
    count = count - 1
  else
    if count > 1 and is_empty(keywords) then count = count - 1 end
    keywords = nil
  end
  if count == 0 then return nil, keywords end
  if count == 1 and type(first) ~= "number" then return first, keywords end
  local list = {}
  for i = 1, count do list[i] = (select(i, ...)) end
  return list, keywords
end

-- A copy of keywords with `key` set where it was absent.
local function with_default(keywords, key, value)
  local copy = {[key] = value}
  for k, v in pairs(keywords or {}) do copy[k] = v end
  return copy
end

-- signature("split(tensor|input, split_size, dim)", f): calls f by position whether arguments are given by position or by
-- name; a parameter may have several.
local function signature(text, f)
  local name, list = text:match "^([%w_.]+)%((.*)%)$"
  local place, count = {}, 0
  for parameter in list:gmatch "[%w_|]+" do
    count = count + 1
    for word in parameter:gmatch "[%w_]+" do place[word] = count end
  end
  return function(...)
    local given = select("#", ...)
    local keywords = given > 0 and select(given, ...)
    if is_empty(keywords) then return f(unpack({...}, 1, given - 1)) end
    if not is_keywords(keywords) then
      if given > count then
        error(("torch.%s: takes at most %d argument%s, got %d"):format(name, count, count == 1 and "" or "s", given), 2)
      end
      return f(...)
    end
    local arguments = {...}
    arguments[given] = nil
    for key, value in pairs(keywords) do
      local i = place[key]
      if not i then error(("torch.%s: no argument %s; there are: %s"):format(name, key, list), 2) end
      if i < given then error(("torch.%s: argument %s is given twice"):format(name, key), 2) end
      arguments[i] = value
    end
    return f(unpack(arguments, 1, count))
  end
end

-- For a function with a parameter `end`, which Lua cannot write as a key: {stop = 5}.
local function stop_for_end(f)
  return function(...)
    local count = select("#", ...)
    local keywords = count > 0 and select(count, ...)
    if not is_keywords(keywords) or keywords.stop == nil then return f(...) end
    local arguments = {...}
    local copy = with_default(keywords, "end", keywords.stop)
    copy.stop = nil
    arguments[count] = copy
    return f(unpack(arguments, 1, count))
  end
end

-- For a function whose list of sizes may be given as separate numbers; `self` where a tensor comes first.
local function of_sizes(f)
  return function(...)
    local list, keywords = sizes(...)
    if list == nil then return f(keywords) end
    if keywords then return f(list, keywords) end
    return f(list)
  end
end
local function self_of_sizes(f)
  return function(self, ...)
    local list, keywords = sizes(...)
    if list == nil then
      if keywords then return f(self, keywords) end
      return f(self)
    end
    if keywords then return f(self, list, keywords) end
    return f(self, list)
  end
end

-- (a, b, c) or ({a, b, c}) -> {a, b, c}
local function tensors(first, ...)
  if type(first) == "table" then return first end
  return {first, ...}
end

-- ---- functions that are methods too: torch.NAME(t, ...) and t:NAME(...) ---------------------------------------------

local both = {
  -- elementwise
  abs = native "aten.abs", absolute = native "aten.absolute", acos = native "aten.acos", acosh = native "aten.acosh",
  add = native "aten.add", addcdiv = native "aten.addcdiv", addcmul = native "aten.addcmul",
  angle = native "aten.angle", arccos = native "aten.arccos", arccosh = native "aten.arccosh",
  arcsin = native "aten.arcsin", arcsinh = native "aten.arcsinh", arctan = native "aten.arctan",
  arctan2 = native "aten.arctan2", arctanh = native "aten.arctanh", asin = native "aten.asin",
  asinh = native "aten.asinh", atan = native "aten.atan", atan2 = native "aten.atan2", atanh = native "aten.atanh",
  ceil = native "aten.ceil", clamp_max = native "aten.clamp_max", clamp_min = native "aten.clamp_min",
  clip = native "aten.clip", conj = native "aten.conj", copysign = native "aten.copysign", cos = native "aten.cos",
  cosh = native "aten.cosh", deg2rad = native "aten.deg2rad", digamma = native "aten.digamma", div = native "aten.div",
  divide = native "aten.divide", erf = native "aten.erf", erfc = native "aten.erfc", erfinv = native "aten.erfinv",
  exp = native "aten.exp", exp2 = native "aten.exp2", expm1 = native "aten.expm1", fix = native "aten.fix",
  float_power = native "aten.float_power", floor = native "aten.floor", floor_divide = native "aten.floor_divide",
  fmax = native "aten.fmax", fmin = native "aten.fmin", fmod = native "aten.fmod", frac = native "aten.frac",
  frexp = native "aten.frexp", gcd = native "aten.gcd", hardshrink = native "aten.hardshrink",
  heaviside = native "aten.heaviside", hypot = native "aten.hypot", i0 = native "aten.i0",
  igamma = native "aten.igamma", igammac = native "aten.igammac", imag = native "aten.imag", lcm = native "aten.lcm",
  ldexp = native "aten.ldexp", lgamma = native "aten.lgamma", log = native "aten.log", log10 = native "aten.log10",
  log1p = native "aten.log1p", log2 = native "aten.log2", logaddexp = native "aten.logaddexp",
  logaddexp2 = native "aten.logaddexp2", logit = native "aten.logit", mul = native "aten.mul",
  multiply = native "aten.multiply", mvlgamma = native "aten.mvlgamma", nan_to_num = native "aten.nan_to_num",
  neg = native "aten.neg", negative = native "aten.negative", nextafter = native "aten.nextafter",
  positive = native "aten.positive", pow = native "aten.pow",
  prelu = native "aten.prelu", rad2deg = native "aten.rad2deg", real = native "aten.real",
  reciprocal = native "aten.reciprocal", relu = native "aten.relu", remainder = native "aten.remainder",
  round = native "aten.round", rsqrt = native "aten.rsqrt", sgn = native "aten.sgn", sigmoid = native "aten.sigmoid",
  sign = native "aten.sign", signbit = native "aten.signbit", sin = native "aten.sin", sinc = native "aten.sinc",
  sinh = native "aten.sinh", sqrt = native "aten.sqrt", square = native "aten.square", sub = native "aten.sub",
  subtract = native "aten.subtract", tan = native "aten.tan", tanh = native "aten.tanh",
  true_divide = native "aten.true_divide", trunc = native "aten.trunc", xlogy = native "aten.xlogy",
  -- comparison, logic, bits
  allclose = native "aten.allclose", bitwise_and = native "aten.bitwise_and",
  bitwise_left_shift = native "aten.bitwise_left_shift", bitwise_not = native "aten.bitwise_not",
  bitwise_or = native "aten.bitwise_or", bitwise_right_shift = native "aten.bitwise_right_shift",
  bitwise_xor = native "aten.bitwise_xor", eq = native "aten.eq", equal = native "aten.equal", ge = native "aten.ge",
  greater = native "aten.greater", greater_equal = native "aten.greater_equal", gt = native "aten.gt",
  is_complex = native "aten.is_complex", is_conj = native "aten.is_conj",
  is_floating_point = native "aten.is_floating_point", is_neg = native "aten.is_neg",
  is_nonzero = native "aten.is_nonzero", is_signed = native "aten.is_signed", isclose = native "aten.isclose",
  isfinite = native "aten.isfinite", isinf = native "aten.isinf", isnan = native "aten.isnan",
  isneginf = native "aten.isneginf", isposinf = native "aten.isposinf", isreal = native "aten.isreal",
  le = native "aten.le", less = native "aten.less", less_equal = native "aten.less_equal",
  logical_and = native "aten.logical_and", logical_not = native "aten.logical_not",
  logical_or = native "aten.logical_or", logical_xor = native "aten.logical_xor", lt = native "aten.lt",
  ne = native "aten.ne", not_equal = native "aten.not_equal",
  -- reductions
  amax = native "aten.amax", amin = native "aten.amin", aminmax = native "aten.aminmax", argmax = native "aten.argmax",
  argmin = native "aten.argmin", bincount = native "aten.bincount", count_nonzero = native "aten.count_nonzero",
  cummax = native "aten.cummax", cummin = native "aten.cummin", cumprod = native "aten.cumprod",
  cumsum = native "aten.cumsum", histc = native "aten.histc", histogram = native "aten.histogram",
  kthvalue = native "aten.kthvalue", logcumsumexp = native "aten.logcumsumexp", logsumexp = native "aten.logsumexp",
  max = native "aten.max", mean = native "aten.mean", median = native "aten.median", min = native "aten.min",
  mode = native "aten.mode", nanmean = native "aten.nanmean", nanmedian = native "aten.nanmedian",
  nanquantile = native "aten.nanquantile", nansum = native "aten.nansum", prod = native "aten.prod",
  quantile = native "aten.quantile", std = native "aten.std", sum = native "aten.sum", var = native "aten.var",
  -- probabilities, order
  argsort = native "aten.argsort", log_softmax = native "aten.log_softmax", msort = native "aten.msort",
  softmax = native "aten.softmax", sort = native "aten.sort", topk = native "aten.topk",
  -- indexing
  argwhere = native "aten.argwhere", diagonal_scatter = native "aten.diagonal_scatter", gather = native "aten.gather",
  index_add = native "aten.index_add", index_copy = native "aten.index_copy", index_fill = native "aten.index_fill",
  index_put = native "aten.index_put", index_reduce = native "aten.index_reduce",
  index_select = native "aten.index_select", masked_fill = native "aten.masked_fill",
  masked_scatter = native "aten.masked_scatter", masked_select = native "aten.masked_select",
  narrow = native "aten.narrow", put = native "aten.put", scatter = native "aten.scatter",
  scatter_add = native "aten.scatter_add", scatter_reduce = native "aten.scatter_reduce",
  select = native "aten.select", select_scatter = native "aten.select_scatter", take = native "aten.take",
  take_along_dim = native "aten.take_along_dim",
  -- shape
  adjoint = native "aten.adjoint", broadcast_to = native "aten.broadcast_to", chunk = native "aten.chunk",
  clone = native "aten.clone", dequantize = native "aten.dequantize", detach = native "aten.detach",
  diag = native "aten.diag", diag_embed = native "aten.diag_embed", diagflat = native "aten.diagflat",
  diagonal = native "aten.diagonal", diff = native "aten.diff", dsplit = native "aten.dsplit",
  flatten = native "aten.flatten", fliplr = native "aten.fliplr", flipud = native "aten.flipud",
  hsplit = native "aten.hsplit", moveaxis = native "aten.moveaxis", movedim = native "aten.movedim",
  ravel = native "aten.ravel", repeat_interleave = native "aten.repeat_interleave",
  resolve_conj = native "aten.resolve_conj", resolve_neg = native "aten.resolve_neg", roll = native "aten.roll",
  rot90 = native "aten.rot90", split_with_sizes = native "aten.split_with_sizes",
  squeeze = native "aten.squeeze", swapaxes = native "aten.swapaxes", swapdims = native "aten.swapdims",
  t = native "aten.t", tensor_split = native "aten.tensor_split", transpose = native "aten.transpose",
  tril = native "aten.tril", triu = native "aten.triu", unbind = native "aten.unbind",
  unflatten = native "aten.unflatten", unsqueeze = native "aten.unsqueeze", vsplit = native "aten.vsplit",
  -- linear algebra
  addbmm = native "aten.addbmm", addmm = native "aten.addmm", addmv = native "aten.addmv", addr = native "aten.addr",
  baddbmm = native "aten.baddbmm", bmm = native "aten.bmm", cholesky = native "aten.cholesky",
  cholesky_inverse = native "aten.cholesky_inverse", cholesky_solve = native "aten.cholesky_solve",
  corrcoef = native "aten.corrcoef", cov = native "aten.cov", cross = native "aten.cross", det = native "aten.det",
  dist = native "aten.dist", dot = native "aten.dot", geqrf = native "aten.geqrf", ger = native "aten.ger",
  inner = native "aten.inner", inverse = native "aten.inverse", kron = native "aten.kron",
  logdet = native "aten.logdet", matmul = native "aten.matmul", matrix_exp = native "aten.matrix_exp",
  matrix_power = native "aten.matrix_power", mm = native "aten.mm", mv = native "aten.mv", orgqr = native "aten.orgqr",
  ormqr = native "aten.ormqr", outer = native "aten.outer", pinverse = native "aten.pinverse", qr = native "aten.qr",
  renorm = native "aten.renorm", slogdet = native "aten.slogdet", svd = native "aten.svd", trace = native "aten.trace",
  triangular_solve = native "aten.triangular_solve", vdot = native "aten.vdot",
  -- signal
  istft = native "aten.istft",
  -- random
  bernoulli = native "aten.bernoulli", multinomial = native "aten.multinomial",
  lerp = stop_for_end(native "aten.lerp"),
}

local any, all = native "aten.any", native "aten.all"
local unique_flat, unique_dim = native "aten._unique2", native "aten.unique_dim"
local unique_consecutive, nonzero_each = native "aten.unique_consecutive", native "aten.nonzero_numpy"
local vector_norm, nuclear_norm = native "aten.linalg_vector_norm", native "aten.nuclear_norm"
local clamp, norm, stft = native "aten.clamp", native "aten.norm", native "aten.stft"

both.clamp = clamp

local function kept_dimensions(tensor)
  local shape = {}
  for i = 1, tensor:dim() do shape[i] = 1 end
  return shape
end

-- Without a dimension the answer is a boolean, also where the tensor's is a number (uint8); with keepdim a tensor whose dimensions
-- are all 1, which libtorch gives from 2.2 on.
local function reduced_to_boolean(name, f)
  return signature(name .. "(input, dim|axis, keepdim|keepdims)", function(self, dim, keepdim)
    if dim ~= nil then return f(self, dim, keepdim or false) end
    local answer = f(self)
    if keepdim then return answer:reshape(kept_dimensions(self)) end
    answer = answer:item()
    return answer ~= false and answer ~= 0
  end)
end
both.any, both.all = reduced_to_boolean("any", any), reduced_to_boolean("all", all)

-- The larger and the smaller of two tensors, or of a tensor and a number, which is not made to fit an integer dtype: a bound
-- beyond all of it holds already. NaN comes through, as from two tensors.
local maximum, minimum = native "aten.maximum", native "aten.minimum"
local scalar_tensor, to = native "aten.scalar_tensor", native "aten.to"
local least = {uint8 = 0, int8 = -128, int16 = -32768, int32 = -2147483648}
local most = {uint8 = 255, int8 = 127, int16 = 32767, int32 = 2147483647}
local function stays_integer(self, number) return number % 1 == 0 and not self:is_floating_point() end
local function as_tensor_beside(self, number)
  return to(scalar_tensor(number, {dtype = "float64"}), {dtype = self:is_floating_point() and self.dtype or "float32"})
end
both.maximum = signature("maximum(input, other)", function(self, other)
  if type(other) ~= "number" then return maximum(self, other) end
  if not stays_integer(self, other) then return maximum(self, as_tensor_beside(self, other)) end
  if other < (least[self.dtype] or other) then return both.clone(self) end
  return clamp(self, other)
end)
both.minimum = signature("minimum(input, other)", function(self, other)
  if type(other) ~= "number" then return minimum(self, other) end
  if not stays_integer(self, other) then return minimum(self, as_tensor_beside(self, other)) end
  if other > (most[self.dtype] or other) then return both.clone(self) end
  return clamp(self, nil, other)
end)

both.nonzero = signature("nonzero(input, as_tuple)", function(self, as_tuple)
  if as_tuple then return nonzero_each(self) end
  return both.argwhere(self)
end)

-- As many results as were asked for.
local function asked(values, inverse, counts, return_inverse, return_counts)
  if return_inverse and return_counts then return values, inverse, counts end
  if return_inverse then return values, inverse end
  if return_counts then return values, counts end
  return values
end
both.unique = signature("unique(input, sorted, return_inverse, return_counts, dim)",
  function(self, sorted, return_inverse, return_counts, dim)
    local values, inverse, counts
    if dim then
      values, inverse, counts = unique_dim(self, dim, sorted ~= false, return_inverse or false, return_counts or false)
    else
      values, inverse, counts = unique_flat(self, sorted ~= false, return_inverse or false, return_counts or false)
    end
    return asked(values, inverse, counts, return_inverse, return_counts)
  end)
both.unique_consecutive = signature("unique_consecutive(input, return_inverse, return_counts, dim)",
  function(self, return_inverse, return_counts, dim)
    local values, inverse, counts = unique_consecutive(self, return_inverse or false, return_counts or false, dim)
    return asked(values, inverse, counts, return_inverse, return_counts)
  end)

both.norm = signature("norm(input, p, dim, keepdim, dtype)", function(self, p, dim, keepdim, dtype)
  keepdim = keepdim or false
  if p == "nuc" then
    if dim then return nuclear_norm(self, dim, keepdim) end
    return nuclear_norm(self, keepdim)
  end
  if p == nil or p == "fro" then p = 2 end
  if not dtype then return vector_norm(self, p, dim, keepdim) end
  return norm(self, p, dim or {}, keepdim, {dtype = dtype})
end)

local split = native "aten.split"
both.split = signature("split(tensor|input, split_size_or_sections|split_size, dim)", function(self, sizes_of_parts, dim)
  return split(self, sizes_of_parts, dim)
end)

-- Of ATen's two forms Python uses the one that can centre the frames.
both.stft = signature(
  "stft(input, n_fft, hop_length, win_length, window, center, pad_mode, normalized, onesided, return_complex)",
  function(self, n_fft, hop_length, win_length, window, center, pad_mode, normalized, onesided, return_complex)
    return stft(self, n_fft, hop_length, win_length, window, center ~= false, pad_mode or "reflect",
      normalized or false, onesided, return_complex)
  end)

both.permute = self_of_sizes(native "aten.permute")
both.reshape = self_of_sizes(native "aten.reshape")
both.flip = self_of_sizes(native "aten.flip")
both.tile = self_of_sizes(native "aten.tile")
both.numel = signature("numel(input)", function(self) return self:numel() end)

-- ---- methods only ---------------------------------------------------------------------------------------------------

local method = {
  contiguous = native "aten.contiguous",
  expand_as = native "aten.expand_as", mH = native "aten.mH", mT = native "aten.mT", new_full = native "aten.new_full",
  reshape_as = native "aten.reshape_as", to_dense = native "aten.to_dense", type_as = native "aten.type_as",
  unfold = native "aten.unfold", view_as = native "aten.view_as",
  -- in place, where the tensor may be written
  abs_ = native "aten.abs_", absolute_ = native "aten.absolute_", acos_ = native "aten.acos_",
  acosh_ = native "aten.acosh_", add_ = native "aten.add_", addbmm_ = native "aten.addbmm_",
  addcdiv_ = native "aten.addcdiv_", addcmul_ = native "aten.addcmul_", addmm_ = native "aten.addmm_",
  addmv_ = native "aten.addmv_", addr_ = native "aten.addr_", arccos_ = native "aten.arccos_",
  arccosh_ = native "aten.arccosh_", arcsin_ = native "aten.arcsin_", arcsinh_ = native "aten.arcsinh_",
  arctan_ = native "aten.arctan_", arctan2_ = native "aten.arctan2_", arctanh_ = native "aten.arctanh_",
  asin_ = native "aten.asin_", asinh_ = native "aten.asinh_", atan_ = native "aten.atan_",
  atan2_ = native "aten.atan2_", atanh_ = native "aten.atanh_", baddbmm_ = native "aten.baddbmm_",
  bitwise_and_ = native "aten.bitwise_and_", bitwise_left_shift_ = native "aten.bitwise_left_shift_",
  bitwise_not_ = native "aten.bitwise_not_", bitwise_or_ = native "aten.bitwise_or_",
  bitwise_right_shift_ = native "aten.bitwise_right_shift_", bitwise_xor_ = native "aten.bitwise_xor_",
  ceil_ = native "aten.ceil_", clamp_ = native "aten.clamp_", clamp_max_ = native "aten.clamp_max_",
  clamp_min_ = native "aten.clamp_min_", clip_ = native "aten.clip_", copy_ = native "aten.copy_",
  copysign_ = native "aten.copysign_", cos_ = native "aten.cos_", cosh_ = native "aten.cosh_",
  cumprod_ = native "aten.cumprod_", cumsum_ = native "aten.cumsum_", deg2rad_ = native "aten.deg2rad_",
  digamma_ = native "aten.digamma_", div_ = native "aten.div_", divide_ = native "aten.divide_",
  eq_ = native "aten.eq_", erf_ = native "aten.erf_", erfc_ = native "aten.erfc_", erfinv_ = native "aten.erfinv_",
  exp_ = native "aten.exp_", exp2_ = native "aten.exp2_", expm1_ = native "aten.expm1_", fill_ = native "aten.fill_",
  fill_diagonal_ = native "aten.fill_diagonal_", fix_ = native "aten.fix_", float_power_ = native "aten.float_power_",
  floor_ = native "aten.floor_", floor_divide_ = native "aten.floor_divide_", fmod_ = native "aten.fmod_",
  frac_ = native "aten.frac_", gcd_ = native "aten.gcd_", ge_ = native "aten.ge_", greater_ = native "aten.greater_",
  greater_equal_ = native "aten.greater_equal_", gt_ = native "aten.gt_", heaviside_ = native "aten.heaviside_",
  hypot_ = native "aten.hypot_", i0_ = native "aten.i0_", igamma_ = native "aten.igamma_",
  igammac_ = native "aten.igammac_", index_add_ = native "aten.index_add_", index_copy_ = native "aten.index_copy_",
  index_fill_ = native "aten.index_fill_", index_put_ = native "aten.index_put_",
  index_reduce_ = native "aten.index_reduce_", lcm_ = native "aten.lcm_", ldexp_ = native "aten.ldexp_",
  le_ = native "aten.le_", less_ = native "aten.less_",
  less_equal_ = native "aten.less_equal_", lgamma_ = native "aten.lgamma_", log_ = native "aten.log_",
  log10_ = native "aten.log10_", log1p_ = native "aten.log1p_", log2_ = native "aten.log2_",
  logical_and_ = native "aten.logical_and_", logical_not_ = native "aten.logical_not_",
  logical_or_ = native "aten.logical_or_", logical_xor_ = native "aten.logical_xor_", logit_ = native "aten.logit_",
  lt_ = native "aten.lt_", masked_fill_ = native "aten.masked_fill_", masked_scatter_ = native "aten.masked_scatter_",
  mul_ = native "aten.mul_", multiply_ = native "aten.multiply_", mvlgamma_ = native "aten.mvlgamma_",
  nan_to_num_ = native "aten.nan_to_num_", ne_ = native "aten.ne_", neg_ = native "aten.neg_",
  negative_ = native "aten.negative_", nextafter_ = native "aten.nextafter_", not_equal_ = native "aten.not_equal_",
  polygamma_ = native "aten.polygamma_", pow_ = native "aten.pow_", put_ = native "aten.put_",
  rad2deg_ = native "aten.rad2deg_", reciprocal_ = native "aten.reciprocal_", relu_ = native "aten.relu_",
  remainder_ = native "aten.remainder_", renorm_ = native "aten.renorm_", round_ = native "aten.round_",
  rsqrt_ = native "aten.rsqrt_", scatter_ = native "aten.scatter_", scatter_add_ = native "aten.scatter_add_",
  scatter_reduce_ = native "aten.scatter_reduce_", sgn_ = native "aten.sgn_", sigmoid_ = native "aten.sigmoid_",
  sign_ = native "aten.sign_", sin_ = native "aten.sin_", sinc_ = native "aten.sinc_", sinh_ = native "aten.sinh_",
  sqrt_ = native "aten.sqrt_", square_ = native "aten.square_", sub_ = native "aten.sub_",
  subtract_ = native "aten.subtract_", tan_ = native "aten.tan_", tanh_ = native "aten.tanh_",
  tril_ = native "aten.tril_", triu_ = native "aten.triu_", true_divide_ = native "aten.true_divide_",
  trunc_ = native "aten.trunc_", xlogy_ = native "aten.xlogy_", zero_ = native "aten.zero_",
  -- in place, with random numbers
  bernoulli_ = native "aten.bernoulli_", cauchy_ = native "aten.cauchy_", exponential_ = native "aten.exponential_",
  geometric_ = native "aten.geometric_", log_normal_ = native "aten.log_normal_", normal_ = native "aten.normal_",
  random_ = native "aten.random_", uniform_ = native "aten.uniform_",
  lerp_ = stop_for_end(native "aten.lerp_"),
  expand = self_of_sizes(native "aten.expand"), new_zeros = self_of_sizes(native "aten.new_zeros"),
  new_ones = self_of_sizes(native "aten.new_ones"), sum_to_size = self_of_sizes(native "aten.sum_to_size"),
}

local view, where = native "aten.view", native "aten.where"
local polygamma = native "aten.polygamma"
local new_tensor = native "torch.tensor@1"

method.where = signature("where(input, condition, other)", function(self, condition, other)
  return where(condition, self, other)
end)
method.polygamma = signature("polygamma(input, n)", function(self, n) return polygamma(n, self) end)
local view_of_sizes = self_of_sizes(view)
function method.view(self, ...)
  if type((...)) == "string" then return view(self, (...)) end
  return view_of_sizes(self, ...)
end

-- to("int64"), to("cpu"), to("cpu", "int64"), to(other), each with {copy = true, dtype = …, device = …}
function method.to(self, ...)
  local options = {}
  for i = 1, select("#", ...) do
    local v = select(i, ...)
    if is_keywords(v) then
      for key, value in pairs(v) do options[key] = value end
    elseif type(v) == "string" then
      options[(v:find "^cpu" or v:find "^cuda") and "device" or "dtype"] = v
    elseif type(v) == "userdata" then
      options.dtype, options.device = v.dtype, v.device
    elseif v ~= nil then
      error("to: want a dtype, a device or a tensor, got " .. type(v), 2)
    end
  end
  options.non_blocking = nil
  if next(options) == nil then return self end
  return to(self, options)
end

for name, dtype in pairs {bool = "bool", byte = "uint8", char = "int8", short = "int16", int = "int32", long = "int64",
  half = "float16", bfloat16 = "bfloat16", float = "float32", double = "float64", cfloat = "complex64",
  cdouble = "complex128"} do
  local options = {dtype = dtype}
  method[name] = function(self) return to(self, options) end
end
function method.cpu(self) return to(self, {device = "cpu"}) end
-- cuda(), cuda(1), cuda("cuda:1"), cuda({device = 1})
function method.cuda(self, device)
  if type(device) == "table" then device = device.device end
  return to(self, {device = type(device) == "string" and device or "cuda:" .. (device or 0)})
end

function method.ndimension(self) return self:dim() end
function method.nelement(self) return self:numel() end
function method.new_tensor(self, data, keywords)
  return new_tensor(data, with_default(with_default(keywords, "dtype", self.dtype), "device", self.device))
end

local stride_of = native "aten.stride"
function method.stride(self, dim)
  if dim then return stride_of(self, dim) end
  local all_strides = {}
  for d = 0, self:dim() - 1 do all_strides[d + 1] = stride_of(self, d) end
  return unpack(all_strides)
end
function method.is_contiguous(self)
  if self:numel() == 0 then return true end
  local expected = 1
  for d = self:dim() - 1, 0, -1 do
    local size = self:size(d)
    if size ~= 1 and stride_of(self, d) ~= expected then return false end
    expected = expected * size
  end
  return true
end

-- Operators. A number on the left: as Python, which multiplies with the reciprocal for `2 / t`.
local rsub, reciprocal = native "aten.rsub", both.reciprocal
function method.__add(a, b)
  if type(a) == "number" then return both.add(b, a) end
  return both.add(a, b)
end
function method.__sub(a, b)
  if type(a) == "number" then return rsub(b, a) end
  return both.sub(a, b)
end
function method.__mul(a, b)
  if type(a) == "number" then return both.mul(b, a) end
  return both.mul(a, b)
end
function method.__div(a, b)
  if type(a) == "number" then return both.mul(reciprocal(b), a) end
  return both.div(a, b)
end
method.__mod, method.__pow = both.remainder, both.pow
function method.__unm(a) return both.neg(a) end

-- t[positions], t[mask]: the core asks for it by this name.
local rows = native "aten.index"
method["[]"] = function(self, positions)
  if positions:dim() == 0 and positions.dtype == "bool" then  -- all of it once, or not at all
    return rows(both.unsqueeze(self, 0), {both.unsqueeze(positions, 0)})
  end
  if positions:is_floating_point() then
    error("t[positions]: positions are int64, got " .. positions.dtype .. ': {dtype = "int64"}, or :long()', 2)
  end
  return rows(self, {positions})
end

-- ---- functions only -------------------------------------------------------------------------------------------------

local torch = {
  cat = native "aten.cat", column_stack = native "aten.column_stack", concat = native "aten.concat",
  dstack = native "aten.dstack", hstack = native "aten.hstack", row_stack = native "aten.row_stack",
  stack = native "aten.stack", vstack = native "aten.vstack", bucketize = native "aten.bucketize",
  celu = native "aten.celu", complex = native "aten.complex", isin = native "aten.isin", polar = native "aten.polar",
  rsub = native "aten.rsub", scalar_tensor = native "aten.scalar_tensor", searchsorted = native "aten.searchsorted",
  selu = native "aten.selu", threshold = native "aten.threshold", bartlett_window = native "aten.bartlett_window",
  blackman_window = native "aten.blackman_window", eye = native "aten.eye", full_like = native "aten.full_like",
  hamming_window = native "aten.hamming_window", hann_window = native "aten.hann_window",
  kaiser_window = native "aten.kaiser_window", ones_like = native "aten.ones_like",
  tril_indices = native "aten.tril_indices", triu_indices = native "aten.triu_indices", vander = native "aten.vander",
  zeros_like = native "aten.zeros_like", combinations = native "aten.combinations",
  cumulative_trapezoid = native "aten.cumulative_trapezoid", gradient = native "aten.gradient",
  std_mean = native "aten.std_mean", trapezoid = native "aten.trapezoid", trapz = native "aten.trapz",
  var_mean = native "aten.var_mean", view_as_complex = native "aten.view_as_complex",
  view_as_real = native "aten.view_as_real", adaptive_avg_pool1d = native "aten.adaptive_avg_pool1d",
  avg_pool1d = native "aten.avg_pool1d", bilinear = native "aten.bilinear",
  channel_shuffle = native "aten.channel_shuffle", conv1d = native "aten.conv1d", conv2d = native "aten.conv2d",
  conv3d = native "aten.conv3d", conv_tbc = native "aten.conv_tbc", conv_transpose1d = native "aten.conv_transpose1d",
  conv_transpose2d = native "aten.conv_transpose2d", conv_transpose3d = native "aten.conv_transpose3d",
  cosine_similarity = native "aten.cosine_similarity", group_norm = native "aten.group_norm",
  layer_norm = native "aten.layer_norm", max_pool1d = native "aten.max_pool1d", max_pool2d = native "aten.max_pool2d",
  max_pool3d = native "aten.max_pool3d", pairwise_distance = native "aten.pairwise_distance",
  pdist = native "aten.pdist", pixel_shuffle = native "aten.pixel_shuffle",
  pixel_unshuffle = native "aten.pixel_unshuffle", normal = native "aten.normal", poisson = native "aten.poisson",
  binomial = native "aten.binomial", randint = native "aten.randint", randperm = native "aten.randperm",
  can_cast = native "aten.can_cast", promote_types = native "aten.promote_types",
  result_type = native "aten.result_type",
  -- dtypes are their names
  float16 = "float16", bfloat16 = "bfloat16", float32 = "float32", float64 = "float64", uint8 = "uint8", int8 = "int8",
  int16 = "int16", int32 = "int32", int64 = "int64", bool = "bool", complex64 = "complex64", complex128 = "complex128",
  half = "float16", float = "float32", double = "float64", short = "int16", int = "int32", long = "int64",
  cfloat = "complex64", cdouble = "complex128",
  inf = math.huge, nan = 0 / 0, pi = math.pi, e = math.exp(1),
}
for name, f in pairs(both) do torch[name], method[name] = f, f end

torch.where, torch.polygamma = where, polygamma

-- Constructors. Numbers give float32 unless a dtype is named.
function torch.tensor(data, ...)
  if type(data) == "userdata" and data ~= null then data = both.detach(data) end  -- an object that stands for a tensor becomes it
  return new_tensor(data, ...)
end
function torch.as_tensor(data, keywords)
  if type(data) == "userdata" and data ~= null then return method.to(data, keywords) end
  if keywords then return new_tensor(data, keywords) end
  return new_tensor(data)
end
torch.zeros, torch.ones = of_sizes(native "aten.zeros"), of_sizes(native "aten.ones")
torch.rand, torch.randn = of_sizes(native "aten.rand"), of_sizes(native "aten.randn")
torch.arange, torch.linspace = stop_for_end(native "aten.arange"), stop_for_end(native "aten.linspace")
torch.logspace = stop_for_end(native "aten.logspace")
local full = native "aten.full"
torch.full = signature("full(size, fill_value, dtype, device)", function(size, value, dtype, device)
  if dtype == nil then dtype = type(value) == "boolean" and "bool" or "float32" end
  return full(size, value, {dtype = dtype, device = device})
end)

local function shape_of(t) return {t:shape()} end
local function like(t, dtype, device) return {dtype = dtype or t.dtype, device = device or t.device} end
torch.rand_like = signature("rand_like(input, dtype, device)", function(t, dtype, device)
  return torch.rand(shape_of(t), like(t, dtype, device))
end)
torch.randn_like = signature("randn_like(input, dtype, device)", function(t, dtype, device)
  return torch.randn(shape_of(t), like(t, dtype, device))
end)
torch.randint_like = signature("randint_like(input, low, high, dtype, device)", function(t, low, high, dtype, device)
  if high == nil then low, high = 0, low end
  return torch.randint(low, high, shape_of(t), like(t, dtype, device))
end)

local einsum, meshgrid, tensordot = native "aten.einsum", native "aten.meshgrid", native "aten.tensordot"
local block_diag, broadcast_tensors = native "aten.block_diag", native "aten.broadcast_tensors"
local cartesian_prod, chain_matmul = native "aten.cartesian_prod", native "aten.chain_matmul"
local cdist = native "aten.cdist"

function torch.einsum(equation, ...) return einsum(equation, tensors(...)) end
function torch.block_diag(...) return block_diag(tensors(...)) end
function torch.broadcast_tensors(...) return unpack(broadcast_tensors(tensors(...))) end
function torch.cartesian_prod(...) return cartesian_prod(tensors(...)) end
function torch.chain_matmul(...) return chain_matmul(tensors(...)) end
for name, f in pairs {atleast_1d = native "aten.atleast_1d", atleast_2d = native "aten.atleast_2d",
  atleast_3d = native "aten.atleast_3d"} do
  torch[name] = function(first, ...)
    if type(first) ~= "table" and select("#", ...) == 0 then return f(first) end
    return unpack(f(tensors(first, ...)))
  end
end
function torch.meshgrid(...)
  local list, keywords = sizes(...)
  if type(list) ~= "table" then list = {list} end
  return unpack(meshgrid(list, {indexing = keywords and keywords.indexing or "ij"}))
end

torch.tensordot = signature("tensordot(a, b, dims)", function(a, b, dims)
  if type(dims) == "table" then return tensordot(a, b, dims[1], dims[2]) end
  local of_a, of_b = {}, {}
  for i = 1, dims or 2 do of_a[i], of_b[i] = i - 1 - (dims or 2), i - 1 end
  return tensordot(a, b, of_a, of_b)
end)

local compute_modes = {use_mm_for_euclid_dist = 1, donot_use_mm_for_euclid_dist = 2}
torch.cdist = signature("cdist(x1, x2, p, compute_mode)", function(x1, x2, p, compute_mode)
  return cdist(x1, x2, p or 2, compute_modes[compute_mode])
end)

-- ---- the rest of ATen, by schema --------------------------------------------------------------------------------------

torch.aten = setmetatable({}, {__index = function(_, name) return native.lookup("aten." .. name) end})
