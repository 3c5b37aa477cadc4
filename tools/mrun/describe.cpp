#include "describe.h"

namespace command {

Page describe(const SubcommandEntry &entry) {
  Page page{entry.name, entry.usage, entry.summary, "", {}};
  describe_apps([&](const CommandLine &line) {
    page.text = line.text();
    page.choices = line.choices();
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
