#include "device.h"

#include <ATen/Context.h>
#include <torch/cuda.h>

namespace mrun_torch {

c10::Device device_of(const std::string &name, mrun_code code) {
  const c10::Device device(name);
  if (!device.is_cuda()) return device;
  if (!at::globalContext().hasCUDA()) {
    throw mrun::error(code, "device " + name + ": this libtorch is built without CUDA, or finds no CUDA device");
  }
  const size_t count = torch::cuda::device_count();
  const size_t index = device.has_index() ? static_cast<size_t>(device.index()) : 0;
  if (index >= count) {
    throw mrun::error(
        code, "device " + name + ": there is no such device, the last one is cuda:" + std::to_string(count - 1));
  }
  return c10::Device(c10::kCUDA, static_cast<c10::DeviceIndex>(index));
}

}  // namespace mrun_torch
