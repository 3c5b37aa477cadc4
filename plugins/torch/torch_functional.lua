-- torch.F: the functional layer. A part of the module torch: CMake joins it to torch.lua, whose locals it uses.

local F = {
  adaptive_avg_pool1d = native "aten.adaptive_avg_pool1d", adaptive_avg_pool2d = native "aten.adaptive_avg_pool2d",
  adaptive_avg_pool3d = native "aten.adaptive_avg_pool3d", avg_pool1d = native "aten.avg_pool1d",
  avg_pool2d = native "aten.avg_pool2d", avg_pool3d = native "aten.avg_pool3d", bilinear = native "aten.bilinear",
  celu = native "aten.celu", channel_shuffle = native "aten.channel_shuffle", conv1d = native "aten.conv1d",
  conv2d = native "aten.conv2d", conv3d = native "aten.conv3d", conv_tbc = native "aten.conv_tbc",
  conv_transpose1d = native "aten.conv_transpose1d", conv_transpose2d = native "aten.conv_transpose2d",
  conv_transpose3d = native "aten.conv_transpose3d", cosine_similarity = native "aten.cosine_similarity",
  elu = native "aten.elu", gelu = native "aten.gelu", glu = native "aten.glu", group_norm = native "aten.group_norm",
  hardshrink = native "aten.hardshrink", hardsigmoid = native "aten.hardsigmoid", hardswish = native "aten.hardswish",
  hardtanh = native "aten.hardtanh", layer_norm = native "aten.layer_norm", leaky_relu = native "aten.leaky_relu",
  linear = native "aten.linear", log_softmax = native "aten.log_softmax", mish = native "aten.mish",
  one_hot = native "aten.one_hot", pairwise_distance = native "aten.pairwise_distance",
  pdist = native "aten.pdist", pixel_shuffle = native "aten.pixel_shuffle",
  pixel_unshuffle = native "aten.pixel_unshuffle", prelu = native "aten.prelu", relu = native "aten.relu",
  relu6 = native "aten.relu6", selu = native "aten.selu", sigmoid = native "aten.sigmoid", silu = native "aten.silu",
  softmax = native "aten.softmax", softplus = native "aten.softplus", softshrink = native "aten.softshrink",
  tanh = native "aten.tanh", threshold = native "aten.threshold",
  logsigmoid = native "aten.log_sigmoid",
}
torch.F = F

F.softmin = signature("F.softmin(input, dim, dtype)", function(input, dim, dtype)
  return both.softmax(-input, dim, dtype)
end)
F.softsign = signature("F.softsign(input)", function(input) return input / (both.abs(input) + 1) end)
F.tanhshrink = signature("F.tanhshrink(input)", function(input) return input - both.tanh(input) end)
F.normalize = signature("F.normalize(input, p, dim, eps)", function(input, p, dim, eps)
  return input / vector_norm(input, p or 2, dim or 1, true):clamp_min(eps or 1e-12)
end)

-- Pooling. With return_indices also the positions of the maxima.
local function pool(name, f, with_indices)
  F[name] = signature("F." .. name .. "(input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)",
    function(input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)
      local g = return_indices and with_indices or f
      return g(input, kernel_size, stride or {}, padding or 0, dilation or 1, ceil_mode or false)
    end)
end
pool("max_pool1d", native "aten.max_pool1d", native "aten.max_pool1d_with_indices")
pool("max_pool2d", native "aten.max_pool2d", native "aten.max_pool2d_with_indices")
pool("max_pool3d", native "aten.max_pool3d", native "aten.max_pool3d_with_indices")

-- An absent entry of output_size keeps the input's; as Python's None, written `false` inside a list.
local function adaptive(name, f)
  F[name] = signature("F." .. name .. "(input, output_size, return_indices)", function(input, output_size, return_indices)
    local values, indices = f(input, output_size)
    if return_indices then return values, indices end
    return values
  end)
end
adaptive("adaptive_max_pool1d", native "aten.adaptive_max_pool1d")
adaptive("adaptive_max_pool2d", native "aten.adaptive_max_pool2d")
adaptive("adaptive_max_pool3d", native "aten.adaptive_max_pool3d")

local function lp_pool(name, average, dims)
  F[name] = signature("F." .. name .. "(input, norm_type, kernel_size, stride, ceil_mode)",
    function(input, norm_type, kernel_size, stride, ceil_mode)
      local out = average(both.pow(input, norm_type), kernel_size, stride or {}, 0, ceil_mode or false)
      local area = 1
      for d = 1, dims do area = area * (type(kernel_size) == "table" and kernel_size[d] or kernel_size) end
      return both.pow(both.sign(out) * both.relu(both.abs(out)) * area, 1 / norm_type)
    end)
end
lp_pool("lp_pool1d", F.avg_pool1d, 1)
lp_pool("lp_pool2d", F.avg_pool2d, 2)

-- Normalization
local batch_norm, instance_norm = native "aten.batch_norm", native "aten.instance_norm"
F.batch_norm = signature("F.batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)",
  function(input, mean, var, weight, bias, training, momentum, eps)
    return batch_norm(input, weight, bias, mean, var, training or false, momentum or 0.1, eps or 1e-5, false)
  end)
F.instance_norm = signature(
  "F.instance_norm(input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps)",
  function(input, mean, var, weight, bias, use_input_stats, momentum, eps)
    return instance_norm(input, weight, bias, mean, var, use_input_stats ~= false, momentum or 0.1, eps or 1e-5, false)
  end)
F.local_response_norm = signature("F.local_response_norm(input, size, alpha, beta, k)",
  function(input, size, alpha, beta, k)
    if input:numel() == 0 then return input end
    local dims, square = input:dim(), both.unsqueeze(both.mul(input, input), 1)
    local padding, window = {}, {size}
    for _ = 3, dims do
      padding[#padding + 1], padding[#padding + 2], window[#window + 1] = 0, 0, 1
    end
    padding[#padding + 1], padding[#padding + 2] = math.floor(size / 2), math.floor((size - 1) / 2)
    local mean
    if dims == 3 then
      mean = F.avg_pool2d(F.pad(square, padding), window, 1)
    else
      local shape = {input:shape()}
      local flat = both.reshape(square, {shape[1], 1, shape[2], shape[3], -1})
      mean = F.avg_pool3d(F.pad(flat, {0, 0, 0, 0, math.floor(size / 2), math.floor((size - 1) / 2)}), {size, 1, 1}, 1)
      mean = both.reshape(mean, {shape[1], 1, unpack(shape, 2)})
    end
    return input / both.pow(both.squeeze(mean, 1) * (alpha or 1e-4) + (k or 1), beta or 0.75)
  end)

-- Embeddings
local embedding, embedding_bag = native "aten.embedding", native "aten.embedding_bag"
F.embedding = signature("F.embedding(input, weight, padding_idx)", function(input, weight, padding_idx)
  return embedding(weight, input, padding_idx or -1)
end)
local bag_modes = {sum = 0, mean = 1, max = 2}
F.embedding_bag = signature("F.embedding_bag(input, weight, offsets, mode, per_sample_weights, include_last_offset)",
  function(input, weight, offsets, mode, per_sample_weights, include_last_offset)
    if input:dim() == 2 then
      offsets = torch.arange(0, input:numel(), input:size(1), {dtype = input.dtype})
      input = both.reshape(input, -1)
      per_sample_weights = per_sample_weights and both.reshape(per_sample_weights, -1)
    end
    local out = embedding_bag(weight, input, offsets, false, bag_modes[mode or "mean"], false, per_sample_weights,
      include_last_offset or false)
    return out
  end)

-- Sliding windows
local im2col, col2im = native "aten.im2col", native "aten.col2im"
-- What fills a mask is a boolean.
local pad, fillings = native "aten.pad", {[true] = 1, [false] = 0}
F.pad = signature("F.pad(input, pad, mode, value)", function(input, sides, mode, value)
  if type(value) == "boolean" then value = fillings[value] end
  return pad(input, sides, mode or "constant", value)
end)

F.unfold = signature("F.unfold(input, kernel_size, dilation, padding, stride)",
  function(input, kernel_size, dilation, padding, stride)
    return im2col(input, kernel_size, dilation or 1, padding or 0, stride or 1)
  end)
F.fold = signature("F.fold(input, output_size, kernel_size, dilation, padding, stride)",
  function(input, output_size, kernel_size, dilation, padding, stride)
    return col2im(input, output_size, kernel_size, dilation or 1, padding or 0, stride or 1)
  end)

-- Sampling and resizing
local grid_sampler, affine_grid = native "aten.grid_sampler", native "aten.affine_grid_generator"
local sample_modes = {bilinear = 0, nearest = 1, bicubic = 2}
local sample_padding = {zeros = 0, border = 1, reflection = 2}
local function choice(name, options, value, default)
  local found = options[value or default]
  if found == nil then error(("%s: no %q"):format(name, tostring(value)), 3) end
  return found
end
F.grid_sample = signature("F.grid_sample(input, grid, mode, padding_mode, align_corners)",
  function(input, grid, mode, padding_mode, align_corners)
    return grid_sampler(input, grid, choice("torch.F.grid_sample: mode", sample_modes, mode, "bilinear"),
      choice("torch.F.grid_sample: padding_mode", sample_padding, padding_mode, "zeros"), align_corners or false)
  end)
F.affine_grid = signature("F.affine_grid(theta, size, align_corners)", function(theta, size, align_corners)
  return affine_grid(theta, size, align_corners or false)
end)

local nearest = {native "aten.upsample_nearest1d", native "aten.upsample_nearest2d", native "aten.upsample_nearest3d"}
local nearest_exact = {native "aten._upsample_nearest_exact1d", native "aten._upsample_nearest_exact2d",
  native "aten._upsample_nearest_exact3d"}
local area = {F.adaptive_avg_pool1d, F.adaptive_avg_pool2d, F.adaptive_avg_pool3d}
-- mode: {function, spatial dimensions, function with antialias}
local smooth = {
  linear = {native "aten.upsample_linear1d", 1}, trilinear = {native "aten.upsample_trilinear3d", 3},
  bilinear = {native "aten.upsample_bilinear2d", 2, native "aten._upsample_bilinear2d_aa"},
  bicubic = {native "aten.upsample_bicubic2d", 2, native "aten._upsample_bicubic2d_aa"},
}
local function per_dimension(v, dims)
  if type(v) == "table" or v == nil then return v end
  local list = {}
  for d = 1, dims do list[d] = v end
  return list
end
local function scaled(input, scale)
  local size = {}
  for d, factor in ipairs(scale) do size[d] = math.floor(input:size(d + 1) * factor) end
  return size
end
F.interpolate = signature(
  "F.interpolate(input, size, scale_factor, mode, align_corners, recompute_scale_factor, antialias)",
  function(input, size, scale_factor, mode, align_corners, recompute_scale_factor, antialias)
    mode = mode or "nearest"
    local dims = input:dim() - 2
    size, scale_factor = per_dimension(size, dims), per_dimension(scale_factor, dims)
    if (size == nil) == (scale_factor == nil) then
      error("torch.F.interpolate: want one of size and scale_factor", 2)
    end
    if scale_factor and (recompute_scale_factor or mode == "area") then
      size, scale_factor = scaled(input, scale_factor), nil
    end
    local simple = mode == "nearest" and nearest or mode == "nearest-exact" and nearest_exact
    if simple and simple[dims] then return simple[dims](input, size, scale_factor) end
    if mode == "area" and area[dims] then return area[dims](input, size) end
    local entry = smooth[mode]
    if not entry or entry[2] ~= dims then
      error(("torch.F.interpolate: no mode %q for %d dimensions"):format(mode, dims + 2), 2)
    end
    local f = antialias and entry[3] or entry[1]
    if antialias and not entry[3] then error("torch.F.interpolate: antialias wants bilinear or bicubic", 2) end
    return f(input, size, align_corners or false, scale_factor)
  end)

-- Losses: `text` is Python's signature; the first `count` arguments are tensors, the rest go to ATen by name.
local reductions = {none = 0, mean = 1, sum = 2}
local function loss(text, count, f, defaults)
  local names = {}
  for name in text:match("%((.*)%)"):gmatch "[%w_]+" do names[#names + 1] = name end
  return signature(text, function(...)
    local arguments = {...}
    local keywords = with_default(defaults, "reduction", "mean")
    for i = count + 1, #names do
      if arguments[i] ~= nil then keywords[names[i]] = arguments[i] end
      arguments[i] = nil
    end
    keywords.reduction = choice("torch." .. text:match "^[^(]+" .. ": reduction", reductions, keywords.reduction)
    arguments[count + 1] = keywords
    return f(unpack(arguments, 1, count + 1))
  end)
end
-- Broadcast first, as Python does: a 0-dimensional target then takes part in the choice of the dtype that is computed in.
local function of_pairs(f)
  return function(input, target, keywords)
    input, target = torch.broadcast_tensors(input, target)
    return f(input, target, keywords)
  end
end
F.mse_loss = loss("F.mse_loss(input, target, reduction)", 2, of_pairs(native "aten.mse_loss"))
F.l1_loss = loss("F.l1_loss(input, target, reduction)", 2, of_pairs(native "aten.l1_loss"))
F.smooth_l1_loss = loss("F.smooth_l1_loss(input, target, reduction, beta)", 2, of_pairs(native "aten.smooth_l1_loss"))
F.huber_loss = loss("F.huber_loss(input, target, reduction, delta)", 2, of_pairs(native "aten.huber_loss"))
F.soft_margin_loss = loss("F.soft_margin_loss(input, target, reduction)", 2, native "aten.soft_margin_loss")
F.nll_loss = loss("F.nll_loss(input, target, weight, ignore_index, reduction)", 2, native "aten.nll_loss_nd")
F.cross_entropy = loss("F.cross_entropy(input, target, weight, ignore_index, reduction, label_smoothing)", 2,
  native "aten.cross_entropy_loss")
F.binary_cross_entropy = loss("F.binary_cross_entropy(input, target, weight, reduction)", 2,
  native "aten.binary_cross_entropy")
F.binary_cross_entropy_with_logits = loss(
  "F.binary_cross_entropy_with_logits(input, target, weight, reduction, pos_weight)", 2,
  native "aten.binary_cross_entropy_with_logits")
F.poisson_nll_loss = loss("F.poisson_nll_loss(input, target, log_input, full, eps, reduction)", 2,
  native "aten.poisson_nll_loss", {log_input = true, full = false, eps = 1e-8})
F.hinge_embedding_loss = loss("F.hinge_embedding_loss(input, target, margin, reduction)", 2,
  native "aten.hinge_embedding_loss")
F.multi_margin_loss = loss("F.multi_margin_loss(input, target, p, margin, weight, reduction)", 2,
  native "aten.multi_margin_loss")
F.multilabel_margin_loss = loss("F.multilabel_margin_loss(input, target, reduction)", 2,
  native "aten.multilabel_margin_loss")
F.margin_ranking_loss = loss("F.margin_ranking_loss(input1, input2, target, margin, reduction)", 3,
  native "aten.margin_ranking_loss")
F.cosine_embedding_loss = loss("F.cosine_embedding_loss(input1, input2, target, margin, reduction)", 3,
  native "aten.cosine_embedding_loss")
F.triplet_margin_loss = loss("F.triplet_margin_loss(anchor, positive, negative, margin, p, eps, swap, reduction)", 3,
  native "aten.triplet_margin_loss")
local plain_kl_div = loss("F.kl_div(input, target, reduction, log_target)", 2, native "aten.kl_div")
F.kl_div = signature("F.kl_div(input, target, reduction, log_target)", function(input, target, reduction, log_target)
  local total = plain_kl_div(input, target, reduction == "batchmean" and "sum" or reduction, log_target)
  return reduction == "batchmean" and total / input:size(0) or total
end)
