#include "plugin/undescribed.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/text.h"

namespace mrun {

std::string undescribed(const Catalog &catalog) {
  if (catalog.files().empty())
    return "; no plugin was found: they are looked for beside the library, or in MRUN_PLUGIN_PATH";
  std::string text;
  for (const auto &[name, file] : catalog.files()) {
    std::error_code none;
    std::filesystem::path facts = file.path;
    if (std::filesystem::exists(facts.replace_extension(".json"), none)) continue;
    text += fmt::format("; nothing is known of {}: it has no {} beside it that names its suffixes and namespaces",
                        printable(file.path.native()), facts.filename().string());
  }
  return text;
}

std::string described_backends(const Catalog &catalog) {
  std::string text;
  for (const auto &[name, file] : catalog.files()) {
    if (file.suffixes.empty()) continue;
    text += fmt::format("{}{} ({})", text.empty() ? "; there are: " : ", ", name, fmt::join(file.suffixes, ", "));
  }
  return text;
}

}  // namespace mrun
