// Between the plugin ABI and the library: images as arguments and results, memory and deadline, errors.
#pragma once
#include <mrun/plugin_kit.hpp>

#include "deferred.h"

namespace image {

// The item's budget and deadline.
class HostContext final : public Context {
 public:
  explicit HostContext(const mrun::call &call) : call_(call) {}
  std::shared_ptr<uint8_t> allocate(size_t bytes) override;
  void charge(int64_t bytes) override { call_.charge(bytes); }
  void poll() override { call_.poll(); }

 private:
  const mrun::call &call_;
};

// What scripts hold for an image that is not computed yet; the host turns it into a tensor where one is needed. Then
// the script may write to that tensor, so what is derived later starts from it, and what was derived before does not
// see it.
struct Image {
  NodePtr node;         // null once computed
  mrun::tensor tensor;  // then
};

// Height x width (x channels), uint8 (1 to 4 channels) or float32, on the CPU, or an Image.
struct Picture {
  NodePtr node;
  bool constant = false;  // nobody can write the pixels it starts from: its computation may wait
  const Shape &shape() const { return node->shape(); }
};
Picture picture(const mrun::call &, const mrun::value &argument);

// A tensor of a shape, and the canvas over its memory.
mrun::tensor new_tensor(const mrun::call &, const Shape &);
Canvas canvas_of(const mrun::tensor &);
mrun::tensor computed(const mrun::call &, Node &);
// An Image where the computation may wait, else a tensor.
mrun::value result(const mrun::call &, NodePtr, bool constant);

// Runs f; the library's errors become the host's.
template <class F>
auto guarded(F &&f) {
  try {
    return f();
  } catch (const Error &e) {
    const int code = e.code == Error::Code::input ? MRUN_INPUT : MRUN_ARGUMENT;
    throw mrun::error(code, e.operation.empty() ? e.text : e.operation + ": " + e.text);
  }
}

}  // namespace image

template <>
struct mrun::type_of<image::Image> {
  static const mrun_type info;
};
