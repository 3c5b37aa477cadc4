-- torch.linalg, torch.fft, torch.special, and what a name that is not there says. The last part of the module torch: CMake
-- joins it to torch.lua, whose locals it uses.

torch.linalg = {
  cholesky = native "aten.linalg_cholesky", cond = native "aten.linalg_cond", cross = native "aten.linalg_cross",
  det = native "aten.linalg_det", diagonal = native "aten.linalg_diagonal", eig = native "aten.linalg_eig",
  eigh = native "aten.linalg_eigh", eigvals = native "aten.linalg_eigvals", eigvalsh = native "aten.linalg_eigvalsh",
  householder_product = native "aten.linalg_householder_product", inv = native "aten.linalg_inv",
  lstsq = native "aten.linalg_lstsq", lu = native "aten.linalg_lu", lu_factor = native "aten.linalg_lu_factor",
  matmul = native "aten.linalg_matmul", matrix_exp = native "aten.linalg_matrix_exp",
  matrix_norm = native "aten.linalg_matrix_norm", matrix_power = native "aten.linalg_matrix_power",
  matrix_rank = native "aten.linalg_matrix_rank", multi_dot = native "aten.linalg_multi_dot",
  norm = native "aten.linalg_norm", pinv = native "aten.linalg_pinv", qr = native "aten.linalg_qr",
  slogdet = native "aten.linalg_slogdet", solve = native "aten.linalg_solve",
  solve_triangular = native "aten.linalg_solve_triangular", svd = native "aten.linalg_svd",
  svdvals = native "aten.linalg_svdvals", tensorinv = native "aten.linalg_tensorinv",
  tensorsolve = native "aten.linalg_tensorsolve", vander = native "aten.linalg_vander",
  vecdot = native "aten.linalg_vecdot", vector_norm = native "aten.linalg_vector_norm",
}
torch.fft = {
  fft = native "aten.fft_fft", fft2 = native "aten.fft_fft2", fftfreq = native "aten.fft_fftfreq",
  fftn = native "aten.fft_fftn", fftshift = native "aten.fft_fftshift", hfft = native "aten.fft_hfft",
  hfft2 = native "aten.fft_hfft2", hfftn = native "aten.fft_hfftn", ifft = native "aten.fft_ifft",
  ifft2 = native "aten.fft_ifft2", ifftn = native "aten.fft_ifftn", ifftshift = native "aten.fft_ifftshift",
  ihfft = native "aten.fft_ihfft", ihfft2 = native "aten.fft_ihfft2", ihfftn = native "aten.fft_ihfftn",
  irfft = native "aten.fft_irfft", irfft2 = native "aten.fft_irfft2", irfftn = native "aten.fft_irfftn",
  rfft = native "aten.fft_rfft", rfft2 = native "aten.fft_rfft2", rfftfreq = native "aten.fft_rfftfreq",
  rfftn = native "aten.fft_rfftn",
}
torch.special = {
  digamma = native "aten.special_digamma", entr = native "aten.special_entr", erf = native "aten.special_erf",
  erfc = native "aten.special_erfc", erfcx = native "aten.special_erfcx", erfinv = native "aten.special_erfinv",
  exp2 = native "aten.special_exp2", expit = native "aten.special_expit", expm1 = native "aten.special_expm1",
  gammainc = native "aten.special_gammainc", gammaincc = native "aten.special_gammaincc",
  gammaln = native "aten.special_gammaln", i0 = native "aten.special_i0", i0e = native "aten.special_i0e",
  i1 = native "aten.special_i1", i1e = native "aten.special_i1e", log1p = native "aten.special_log1p",
  log_ndtr = native "aten.special_log_ndtr", log_softmax = native "aten.special_log_softmax",
  logit = native "aten.special_logit", logsumexp = native "aten.special_logsumexp",
  multigammaln = native "aten.special_multigammaln", ndtr = native "aten.special_ndtr",
  ndtri = native "aten.special_ndtri", polygamma = native "aten.special_polygamma", psi = native "aten.special_psi",
  round = native "aten.special_round", sinc = native "aten.special_sinc", softmax = native "aten.special_softmax",
  xlog1py = native "aten.special_xlog1py", xlogy = native "aten.special_xlogy", zeta = native "aten.special_zeta",
}

-- ---- lists of tensors: Python takes no single one for a list of one, as the plugin's host does ---------------------------

-- place: which argument the list is; keyword: its name; form: the call as it is meant.
local function wants_list(path, place, keyword, form, f)
  return function(...)
    local given = select(place, ...)
    if type(given) == "table" then given = rawget(given, keyword) end
    if type(given) == "userdata" and given ~= null then
      error(("torch.%s: %s: want a list of tensors, as %s, got a tensor"):format(path, keyword, form), 2)
    end
    return f(...)
  end
end
for _, name in ipairs {"cat", "concat", "stack"} do
  torch[name] = wants_list(name, 1, "tensors", "torch." .. name .. "({a, b}, dim)", torch[name])
end
for _, name in ipairs {"column_stack", "dstack", "hstack", "row_stack", "vstack"} do
  torch[name] = wants_list(name, 1, "tensors", "torch." .. name .. "({a, b})", torch[name])
end
torch.linalg.multi_dot = wants_list("linalg.multi_dot", 1, "tensors", "torch.linalg.multi_dot({a, b})", torch.linalg.multi_dot)
torch.index_put = wants_list("index_put", 2, "indices", "t:index_put({rows, columns}, values)", torch.index_put)
method.index_put = torch.index_put
method.index_put_ = wants_list("index_put_", 2, "indices", "t:index_put_({rows, columns}, values)", method.index_put_)

native.methods("Tensor", method)

-- ---- names that are not there ---------------------------------------------------------------------------------------

-- How many letters have to be put in, taken out or changed (Levenshtein).
local function distance(a, b)
  local row = {}
  for j = 0, #b do row[j] = j end
  for i = 1, #a do
    local diagonal = row[0]
    row[0] = i
    for j = 1, #b do
      local other = a:sub(i, i) == b:sub(j, j) and diagonal or diagonal + 1
      diagonal, row[j] = row[j], math.min(other, row[j] + 1, row[j - 1] + 1)
    end
  end
  return row[#b]
end

-- Where else a function of that name is: "; it is torch.F.gelu", or nothing.
local groups = {linalg = torch.linalg, fft = torch.fft, special = torch.special, F = torch.F}
local function elsewhere(key)
  if rawget(torch, key) then return "; it is torch." .. key end
  for _, group in ipairs {"F", "linalg", "fft", "special"} do
    if rawget(groups[group], key) then return ("; it is torch.%s.%s"):format(group, key) end
  end
end

-- Python's AttributeError, with the name's own place or the nearest name.
local function named(name, functions)
  return setmetatable(functions, {__index = function(_, key)
    local place = elsewhere(key)
    if place then error(("%s.%s does not exist%s"):format(name, key, place), 2) end
    local text, closest = tostring(key):sub(1, 60), nil
    local best = #text <= 4 and 2 or 3
    for known in pairs(functions) do
      local d = distance(text, known)
      if d < best or (d == best and closest and known < closest) then closest, best = known, d end
    end
    error(("%s.%s does not exist%s"):format(name, text, closest and "; did you mean " .. closest .. "?" or ""), 2)
  end})
end
for _, group in ipairs {"linalg", "fft", "special", "F"} do torch[group] = named("torch." .. group, torch[group]) end

return named("torch", torch)
