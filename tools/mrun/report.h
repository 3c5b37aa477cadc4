// What the command says: answers on standard output, failures on standard error, exit statuses.
#pragma once
#include <mrun/mrun.hpp>
#include <string>
#include <string_view>

namespace command {

// Exit statuses, as the help states them.
enum Exit { ok = 0, some_failed = 1, bad_usage = 2, refused = 3, not_verified = 4, no_output = 5, interrupted = 130 };

// The exit status of a failure that ends the whole command.
int exit_of(int code);
// "mrun: message" on standard error, fit for a terminal.
void warn(const std::string &message);
// The same; returns the exit status.
int report(const mrun::failure &);
int report(int code, const std::string &message);

// {"error": {"code", "stage", "message"}}, and "input" where it is a file.
std::string error_json(int code, const std::string &stage, const std::string &message, const std::string &input = "");
std::string error_json(const mrun_result &, const std::string &input = "");

// Writes all of it to standard output; throws MRUN_IO.
void print(std::string_view);

}  // namespace command
