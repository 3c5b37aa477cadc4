#include "describe.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "arguments.h"

namespace command {
namespace {

Choice choice_of(const CLI::Option &option) {
  Choice c;
  c.positional = option.get_positional();
  c.repeatable = option.get_expected_max() > 1;
  c.text = option.get_description();
  if (c.positional) {
    c.names.push_back(option.get_name(true));
    return c;
  }
  for (const std::string &name : option.get_snames()) c.names.push_back("-" + name);
  for (const std::string &name : option.get_lnames()) c.names.push_back("--" + name);
  if (option.get_expected_max() == 0) return c;
  const std::string type = option.get_type_name();
  c.value = type.substr(0, type.find(':'));  // "INT:INT in [1 - 8]"
  return c;
}

}  // namespace

std::vector<std::string> Choice::values() const {
  std::vector<std::string> out;
  if (value.find('|') == std::string::npos) return out;
  for (size_t begin = 0; begin <= value.size();) {
    const size_t end = std::min(value.find('|', begin), value.size());
    out.push_back(value.substr(begin, end - begin));
    begin = end + 1;
  }
  return out;
}

Page describe(const SubcommandEntry &entry) {
  Page page{entry.name, entry.usage, entry.summary, "", {}};
  describe_apps([&](const CommandLine &line) {
    const CLI::App &app = line.cli();
    page.text = app.get_description();
    for (const CLI::Option *option : app.get_options()) {
      if (!option->get_group().empty()) page.choices.push_back(choice_of(*option));
    }
  });
  entry.run({});
  describe_apps({});
  return page;
}

std::string joined(const std::vector<std::string> &parts, const std::string &between) {
  std::string out;
  for (size_t i = 0; i < parts.size(); ++i) out += (i == 0 ? "" : between) + parts[i];
  return out;
}

std::string replaced(std::string text, const std::string &what, const std::string &by) {
  for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size()) {
    text.replace(at, what.size(), by);
  }
  return text;
}

}  // namespace command
