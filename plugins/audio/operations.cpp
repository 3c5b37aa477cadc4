#include "operations.h"

namespace audio {

Wave wave_of(const mrun::tensor &t, const char *operation) {
  if (!t.is(mrun::float32) || !t.on_cpu() || t.dim() < 1 || t.dim() > 2)
    mrun::refuse(std::string(operation) + ": wanted samples, float32 [n] or [channels, n], got " + mrun::came_text(t));
  if (t.dim() == 1) return {t.data<const float>(), 1, t.size(0), 0, t.stride(0)};
  return {t.data<const float>(), t.size(0), t.size(1), t.stride(0), t.stride(1)};
}

mrun::tensor result(const mrun::call &c, const mrun::tensor &like, std::vector<int64_t> last) {
  std::vector<int64_t> shape;
  if (like.dim() == 2) shape.push_back(like.size(0));
  shape.insert(shape.end(), last.begin(), last.end());
  return mrun::tensor::empty(c, mrun::float32, shape);
}

}  // namespace audio
