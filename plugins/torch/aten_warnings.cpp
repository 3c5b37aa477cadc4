#include "aten_warnings.h"

#include <mrun/plugin.hpp>

#include "guard.h"

namespace mrun_torch {

void Warnings::log(const std::string &text) const {
  constexpr int level = 2;  // a warning
  mrun::host->log(call_, level, ("libtorch: " + clean_message(text.c_str())).c_str());
}

}  // namespace mrun_torch
