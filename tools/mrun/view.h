// Values of a report, read without checks on kinds that the report's maker guarantees.
#pragma once
#include <mrun/message.hpp>
#include <mrun/mrun.hpp>
#include <string>
#include <string_view>

namespace command {

struct View {
  const mrun_value *v;
  View at(const char *key) const;  // nil where there is none
  View operator[](size_t i) const { return {&v->as.list.items[i]}; }
  View value(size_t i) const { return {&v->as.map.items[i].value}; }
  std::string key(size_t i) const { return {v->as.map.items[i].key.data, v->as.map.items[i].key.size}; }
  bool is_nil() const { return v->kind == MRUN_NIL; }
  bool flag() const { return v->kind == MRUN_BOOL && v->as.boolean != 0; }
  std::string text() const { return v->kind == MRUN_STRING ? std::string(v->as.string.data, v->as.string.size) : ""; }
  double number() const {
    return v->kind == MRUN_INT ? static_cast<double>(v->as.integer) : v->kind == MRUN_FLOAT ? v->as.number : 0;
  }
  size_t size() const { return v->kind == MRUN_LIST ? v->as.list.size : v->kind == MRUN_MAP ? v->as.map.size : 0; }
  std::string json() const;
};

std::string padded(std::string text, size_t width);
std::string show_size(double bytes);
// Of a report: three digits; "-" for null.
std::string short_number(const View &);  // "1.2 MiB"
// A text from a bundle, fit for a terminal: what could move the cursor, hide or reorder text is escaped, but for new lines
// and tabs; by `shown` those too.
std::string escaped_controls(std::string_view);
std::string shown(const std::string &);
std::string printable(const std::string &bytes);  // of any bytes: what is no UTF-8 as \xHH, the rest as shown
// A path as it is typed at a shell; with spaces and the like in quotes.
std::string typed(const std::string &path);
// A terminal that understands no escape sequences, as an editor's (TERM=dumb).
bool is_dumb_terminal();
// Colours are for a terminal that can show them, and not where NO_COLOR is set.
bool colours();
std::string bold(const std::string &);
std::string red(const std::string &);
std::string green(const std::string &);

}  // namespace command
