#include "base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <array>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/text.h"

namespace mrun {
namespace {

constexpr size_t longest_line = 4000;

spdlog::level::level_enum to_spdlog(LogLevel level) {
  static constexpr std::array levels{spdlog::level::debug, spdlog::level::info, spdlog::level::warn,
                                     spdlog::level::err};
  return levels[static_cast<size_t>(level)];
}

// Never destroyed: threads may log until the process ends.
spdlog::logger &logger() {
  static auto *const made = [] {
    auto *l = new spdlog::logger("mrun", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    l->set_pattern("%v");
    l->set_level(spdlog::level::warn);
    l->flush_on(spdlog::level::debug);
    return l;
  }();
  return *made;
}

std::function<void(LogLevel, std::string_view)> &elsewhere() {
  static auto *const set = new std::function<void(LogLevel, std::string_view)>;  // never destroyed, as the logger
  return *set;
}

const std::array<std::string, 4> names{"debug", "info", "warn", "error"};

}  // namespace

LogLevel log_level_of(std::string_view name) {
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i] == name) return static_cast<LogLevel>(i);
  }
  fail(MRUN_USAGE, "'{}' is no log level{}; want debug, info, warn or error", printable(name, 60),
       did_you_mean(name, names));
}

void set_log_level(LogLevel level) { logger().set_level(to_spdlog(level)); }

void redirect_log(std::function<void(LogLevel, std::string_view)> to) { elsewhere() = std::move(to); }

void log(LogLevel level, std::string_view text) {
  if (elsewhere()) return elsewhere()(level, text);
  if (!logger().should_log(to_spdlog(level))) return;
  logger().log(to_spdlog(level), "mrun: {}: {}", names[static_cast<size_t>(level)], printable(text, longest_line));
}

}  // namespace mrun
