// A host with spdlog and fmt compiled in, as most have them.
#define SPDLOG_HEADER_ONLY
#define FMT_HEADER_ONLY
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace {
struct Says {
  Says() { spdlog::stderr_logger_mt("mrun")->info("the host's own logger, {} of {}", 1, 2); }
} says;
}  // namespace
