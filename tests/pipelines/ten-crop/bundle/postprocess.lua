local torch, decode = require "torch", require "decode"

return function(logits, params)
  return decode.topk(torch.softmax(logits, -1):mean(0), params.top_k)
end
