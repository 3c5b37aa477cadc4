#include "report.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "standard_output.h"
#include "view.h"

namespace command {

int exit_of(int code) {
  switch (code) {
    case MRUN_OK: return ok;
    case MRUN_USAGE: return bad_usage;
    case MRUN_VERIFY: return not_verified;
    case MRUN_IO: return no_output;
    case MRUN_CANCELLED: return interrupted;
    case MRUN_INPUT: return some_failed;
    default: return refused;
  }
}

int report(int code, const std::string &message) {
  warn(message);
  return exit_of(code);
}

void warn(const std::string &message) { std::fprintf(stderr, "mrun: %s\n", shown(message).c_str()); }

int report(const mrun::failure &e) { return report(e.code, e.what()); }

void print(std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = write_some(answers_fd(), text);
    if (n < 0) throw mrun::failure(MRUN_IO, std::string("standard output: cannot write: ") + std::strerror(errno));
    text.remove_prefix(static_cast<size_t>(n));
  }
}

std::string error_json(int code, const std::string &stage, const std::string &message, const std::string &input) {
  std::vector<std::pair<std::string, mrun::variant>> fields;
  fields.emplace_back("code", mrun::text(mrun_code_name(code)));
  fields.emplace_back("stage", mrun::text(stage.c_str()));
  fields.emplace_back("message", mrun::text(message.c_str()));
  if (!input.empty()) fields.emplace_back("input", mrun::text(input.c_str()));
  std::vector<std::pair<std::string, mrun::variant>> outer;
  outer.emplace_back("error", mrun::map(std::move(fields)));
  return mrun::map(std::move(outer)).json();
}

std::string error_json(const mrun_result &r, const std::string &input) {
  return error_json(r.code, r.stage, r.error.message != nullptr ? r.error.message : mrun_code_name(r.code), input);
}

}  // namespace command
