// Devices by the names that models and scripts give.
#pragma once
#include <c10/core/Device.h>

#include <mrun/plugin.hpp>
#include <string>

namespace mrun_torch {

// "cpu", "cuda", "cuda:1". Throws mrun::error with this code where the machine, or this libtorch, has no such device.
c10::Device device_of(const std::string &name, mrun_code code);

}  // namespace mrun_torch
