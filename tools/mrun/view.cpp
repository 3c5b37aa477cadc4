#include "view.h"

#include <unistd.h>

#include <cstdio>

namespace command {
namespace {

std::string painted(const char *code, const std::string &text) {
  return is_terminal(STDOUT_FILENO) ? std::string(code) + text + "\033[0m" : text;
}

}  // namespace

View View::at(const char *key) const {
  static const mrun_value nil{};
  const mrun_value *found = mrun_get(v, key);
  return {found == nullptr ? &nil : found};
}

std::string View::json() const {
  return mrun::host_detail::string_of([&](char **s, mrun_error *e) { return mrun_to_json(v, 0, s, e); });
}

std::string padded(std::string text, size_t width) {
  text.resize(std::max(text.size() + 2, width), ' ');
  return text;
}

std::string show_size(double bytes) {
  char text[32];
  const char *const units[] = {"bytes", "KiB", "MiB", "GiB"};
  size_t unit = 0;
  for (; bytes >= 1024 && unit < 3; ++unit) bytes /= 1024;
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
  return text;
}

std::string bold(const std::string &text) { return painted("\033[1m", text); }
std::string red(const std::string &text) { return painted("\033[31m", text); }
std::string green(const std::string &text) { return painted("\033[32m", text); }

}  // namespace command
