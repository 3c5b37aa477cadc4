#include "view.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/text.h"
#include "standard_output.h"

namespace command {
namespace {

std::string painted(const char *code, const std::string &text) {
  return colours() ? std::string(code) + text + "\033[0m" : text;
}

}  // namespace

std::string typed(const std::string &path) {
  const std::string name = path.starts_with('-') ? "./" + path : path;
  const auto plain = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c < 0 ||
           std::string_view("_-./+,:@=").find(c) != std::string_view::npos;
  };
  if (!name.empty() && std::all_of(name.begin(), name.end(), plain)) return shown(name);
  std::string quoted = "'";
  for (const char c : name) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return shown(quoted + "'");
}

bool is_dumb_terminal() {
  const char *term = std::getenv("TERM");
  return term != nullptr && std::strcmp(term, "dumb") == 0;
}

bool colours() {
  static const bool yes = [] {
    const char *no = std::getenv("NO_COLOR");
    return isatty(answers_fd()) == 1 && (no == nullptr || *no == 0) && !is_dumb_terminal();
  }();
  return yes;
}

std::string escaped_controls(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = [&](size_t k) { return i + k < text.size() ? static_cast<unsigned char>(text[i + k]) : 0u; };
    const unsigned c = byte(0), next = byte(1), last = byte(2);
    unsigned code = 0;
    if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7F) {
      code = c;
    } else if (c == 0xC2 && next >= 0x80 && next < 0xA0) {  // U+0080 to U+009F
      code = next;
      i += 1;
    } else if (c == 0xE2 && ((next == 0x80 && (last == 0x8E || last == 0x8F || (last >= 0xA8 && last <= 0xAE))) ||
                             (next == 0x81 && last >= 0xA6 && last <= 0xA9))) {  // what reorders text or begins lines
      code = 0x2000 + (next - 0x80) * 64 + (last - 0x80);
      i += 2;
    }
    if (code == 0 && c != 0) {
      out += text[i];
      continue;
    }
    char escape[16];
    std::snprintf(escape, sizeof escape, code < 0x80 ? "\\x%02x" : "\\u{%x}", code);  // as errors have it
    out += escape;
  }
  return out;
}

std::string shown(const std::string &text) {
  std::string out;
  for (const char c : escaped_controls(text)) out += c == '\n' ? "\\n" : c == '\t' ? "\\t" : std::string(1, c);
  return out;
}

std::string printable(const std::string &bytes) {
  std::string out;
  for (size_t i = 0; i < bytes.size();) {
    const size_t length = mrun::utf8_length(bytes, i);
    char escape[8];
    std::snprintf(escape, sizeof escape, "\\x%02x", static_cast<unsigned char>(bytes[i]));
    out += length == 0 ? escape : bytes.substr(i, length);
    i += std::max<size_t>(length, 1);
  }
  return shown(out);
}

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
  if (bytes < 1024) return mrun::counted(bytes, "byte");
  char text[32];
  const char *const units[] = {"bytes", "KiB", "MiB", "GiB"};
  size_t unit = 0;
  for (; bytes >= 1024 && unit < 3; ++unit) bytes /= 1024;
  std::snprintf(text, sizeof text, "%.1f %s", bytes, units[unit]);
  return text;
}

std::string short_number(const View &v) {
  if (v.is_nil()) return "-";
  if (!v.text().empty()) return v.text();  // "inf", "nan"
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", v.number());
  return text;
}

std::string bold(const std::string &text) { return painted("\033[1m", text); }
std::string red(const std::string &text) { return painted("\033[31m", text); }
std::string green(const std::string &text) { return painted("\033[32m", text); }

}  // namespace command
