#include "api/engine_options.h"

#include <algorithm>
#include <cmath>

#include "base/log.h"
#include "base/text.h"
#include "isolate/isolate.h"

namespace mrun::api {
namespace {

bool is_device(std::string_view name) {
  if (name.empty() || name == "cpu" || name == "cuda") return true;
  constexpr std::string_view numbered = "cuda:";
  if (!name.starts_with(numbered)) return false;
  name.remove_prefix(numbered.size());
  return !name.empty() && name.size() <= 3 && name.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

EngineOptions engine_options(const mrun_options *given) {
  const mrun_options o = sized(given, "mrun_options");
  if (o.isolation < 0 || o.isolation > MRUN_ISOLATION_NONE)
    fail(MRUN_USAGE, "isolation: unknown value {}", o.isolation);
  if (o.workers < 0 || o.threads < 0 || o.queue < 0 || o.max_batch < 0)
    fail(MRUN_USAGE, "workers, threads, queue and max_batch must not be negative");
  constexpr int32_t most = 4096;
  if (o.workers > most || o.threads > most) fail(MRUN_USAGE, "workers and threads: want at most {}", most);
  constexpr int32_t most_processes = 256;
  if (o.processes < 0 || o.processes > most_processes)
    fail(MRUN_USAGE, "processes: want 0 to {}, got {}", most_processes, o.processes);
  if (!(o.max_delay >= 0 && o.max_delay <= 3600))
    fail(MRUN_USAGE, "max_delay: want seconds from 0 to 3600, got {}", o.max_delay);
  if (std::isnan(o.timeout)) fail(MRUN_USAGE, "timeout: want seconds, got {}", o.timeout);
  if (std::isnan(o.start_timeout)) fail(MRUN_USAGE, "start_timeout: want seconds, got {}", o.start_timeout);
  if (o.lua_memory > INT64_MAX || o.tensor_memory > INT64_MAX) {
    fail(MRUN_USAGE, "lua_memory and tensor_memory: want at most 2^63 - 1 bytes");
  }
  EngineOptions options;
  options.registry = &default_registry();
  options.workers = o.workers;
  options.threads = o.threads;
  options.processes = std::max(o.processes, 1);
  options.queue = o.queue;
  options.max_batch = o.max_batch;
  options.max_delay = o.max_delay;
  options.offline = o.offline != 0;
  options.exact = o.exact != 0;
  if (o.trace != nullptr) {
    options.trace = [trace = o.trace, user = o.trace_user](const std::string &json) {
      call_host([&] { trace(user, json.c_str()); });
    };
  }
  if (o.timeout != 0) options.timeout = o.timeout;
  if (o.start_timeout != 0) options.start_timeout = o.start_timeout;
  options.lua_memory = static_cast<int64_t>(o.lua_memory);
  options.tensor_memory = static_cast<int64_t>(o.tensor_memory);
  options.seed = o.seed;
  options.device = o.device == nullptr ? "" : o.device;
  if (!is_device(options.device)) {
    fail(MRUN_USAGE, "device: want cpu, cuda or cuda:NUMBER, got {}", printable(options.device, 60));
  }
  options.params = options_value(o.params);
  options.one_shot = o.one_shot != 0;
  options.log = [](int level, const std::string &stage, const std::string &text) {
    log(static_cast<LogLevel>(std::clamp(level, 0, 3)), stage.empty() ? text : stage + ": " + text);
  };
  if (o.log != nullptr) {
    options.log = [log = o.log, user = o.log_user](int level, const std::string &stage, const std::string &text) {
      call_host([&] { log(user, level, stage.c_str(), text.c_str()); });
    };
  }
  return options;
}

StartSession isolation_of(const Bundle &bundle, const mrun_options *given) {
  const int32_t asked = sized(given, "mrun_options").isolation;
  const bool process = asked == MRUN_ISOLATION_DEFAULT ? bundle.packed() : asked == MRUN_ISOLATION_PROCESS;
  const std::string device = engine_options(given).device;
  if (process && !device.empty() && device != "cpu") {
    fail(MRUN_USAGE,
         "device {}: a worker process is locked up and has no devices; isolation none runs a bundle that you trust on "
         "it",
         device);
  }
  if (!process && sized(given, "mrun_options").processes > 1)
    fail(MRUN_USAGE, "processes: worker processes want isolation process; this bundle runs in the caller's process");
  return process ? start_isolated_session : start_session;
}

}  // namespace mrun::api
