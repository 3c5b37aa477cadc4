// The process's one log: lines on standard error, never on standard output. Any thread.
#pragma once
#include <functional>
#include <string_view>

namespace mrun {

enum class LogLevel { debug = 0, info = 1, warn = 2, error = 3 };  // the numbers that hosts and plugins use

LogLevel log_level_of(std::string_view name);  // "debug", "info", "warn", "error"; else throws USAGE
void set_log_level(LogLevel);                  // what is below it is dropped; warn at first
// "mrun: warn: TEXT", one line: control characters are escaped.
void log(LogLevel, std::string_view text);  // throws bad_alloc alone
// Where lines of any level go from now on, as text of their own, in place of standard error: before there is another thread.
void redirect_log(std::function<void(LogLevel, std::string_view)>);

}  // namespace mrun
