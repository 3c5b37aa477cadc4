// The plugin torch: ATen's operators for scripts (aten_*), TorchScript models (backend_*, split_*).
#include <mrun/plugin.hpp>

#include "aten.h"
#include "backend.h"
#include "convert.h"
#include "scope.h"

extern const char mrun_lua_torch[];

extern "C" int mrun_plugin_init(const mrun_host *host, mrun_plugin *plugin) {
  mrun::host = host;
  plugin->size = sizeof *plugin;
  plugin->abi = MRUN_ABI;
  plugin->name = "torch";
  plugin->version = "1.0.0";
  plugin->doc = "Tensors with PyTorch's names and meaning, and TorchScript models";
  plugin->license = "Apache-2.0";
  plugin->lua = mrun_lua_torch;
  mrun_torch::prepare_libtorch();
  if (const int code = mrun_torch::register_quantized(plugin->registry)) return code;
  if (const int code = mrun_torch::register_backend(plugin->registry)) return code;
  return mrun_torch::register_aten(plugin->registry);
}
