#include "plugin/catalog.h"

#include <algorithm>
#include <cstdlib>

#include "base/file.h"
#include "base/folder_names.h"
#include "base/own_file.h"
#include "value/json.h"

namespace mrun {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> strings(const Value &json, std::string_view key, const fs::path &file) {
  std::vector<std::string> out;
  const Value *list = json.find(key);
  if (list == nullptr) return out;
  const auto wrong = [&] { fail(MRUN_USAGE, "{}: \"{}\" must be a list of strings", file.string(), key); };
  if (!list->is_list()) wrong();
  for (const Value &item : list->as_list()) {
    if (!item.is_string() || item.as_string().empty()) wrong();
    out.emplace_back(item.as_string());
  }
  return out;
}

std::string code_of(const Value &json, const fs::path &file) {
  const Value *value = json.find("code");
  if (value == nullptr) return {};
  const std::string code(value->is_string() ? value->as_string() : "?");
  if (code.empty() || code == "mprotect" || code == "in place") return code;
  fail(MRUN_USAGE, "{}: \"code\" must be \"mprotect\" or \"in place\"", file.string());
}

bool flag(const Value &json, std::string_view key, const fs::path &file) {
  const Value *value = json.find(key);
  if (value != nullptr && !value->is_bool()) fail(MRUN_USAGE, "{}: \"{}\" must be a boolean", file.string(), key);
  return value != nullptr && value->as_bool();
}

template <class Wanted>
std::vector<std::string> names_of(const std::map<std::string, PluginFile> &files,
                                  std::vector<std::string> PluginFile::*list, Wanted &&wanted) {
  std::vector<std::string> names;
  for (const auto &[name, file] : files) {
    const std::vector<std::string> &entries = file.*list;
    if (std::any_of(entries.begin(), entries.end(), wanted)) names.push_back(name);
  }
  return names;
}

}  // namespace

PluginFile describe_plugin(const fs::path &library) {
  PluginFile file;
  file.path = library;
  fs::path facts = library;
  facts.replace_extension(".json");
  std::error_code none;
  if (!fs::exists(facts, none)) return file;
  constexpr size_t most = 1 << 20;
  try {
    const Value json = parse_json(read_file(facts, MRUN_USAGE, most), {facts.string(), MRUN_USAGE, 8});
    if (!json.is_map()) fail(MRUN_USAGE, "{}: want a JSON object", facts.string());
    file.provides = strings(json, "provides", facts);
    file.suffixes = strings(json, "suffixes", facts);
    file.libraries = strings(json, "libraries", facts);
    file.only = strings(json, "only", facts);
    file.own_memory = flag(json, "own_memory", facts);
    file.tensor_methods = flag(json, "tensor_methods", facts);
    file.old_open = flag(json, "old_open", facts);
    file.code = code_of(json, facts);
  } catch (const Error &e) { file.broken = e.message; }
  return file;
}

Catalog::Catalog(const std::vector<fs::path> &folders) {
  for (const fs::path &folder : folders) {
    std::error_code error;
    for (const std::string &file : folder_names(folder, error)) {
      // The first folder that has a name keeps it: so a plugin is replaced by a folder in front.
      const fs::path path = folder / file;
      const std::string name = path.stem().string();
      if (path.extension() != ".so" || !valid_plugin_name(name) || files_.count(name) != 0) continue;
      files_.emplace(name, describe_plugin(path));
    }
  }
}

const PluginFile *Catalog::find(const std::string &name) const {
  const auto at = files_.find(name);
  return at == files_.end() ? nullptr : &at->second;
}

std::vector<std::string> Catalog::providers(std::string_view operation) const {
  return names_of(files_, &PluginFile::provides,
                  [&](const std::string &prefix) { return operation.starts_with(prefix); });
}

std::vector<std::string> Catalog::openers(std::string_view file) const {
  return names_of(files_, &PluginFile::suffixes, [&](const std::string &suffix) { return file.ends_with(suffix); });
}

std::vector<fs::path> default_plugin_folders() {
  std::vector<fs::path> folders;
  // Not of a program that has more rights than who starts it: he would choose what code it loads.
  if (const char *text = secure_getenv("MRUN_PLUGIN_PATH")) {
    std::string_view rest = text;
    while (!rest.empty()) {
      const size_t colon = std::min(rest.find(':'), rest.size());
      if (colon > 0) folders.emplace_back(rest.substr(0, colon));
      rest.remove_prefix(std::min(colon + 1, rest.size()));
    }
  }
  const fs::path beside = own_file().parent_path();
  if (!beside.empty()) {
    // lib/libmrun.so, lib64 or lib/ARCHITECTURE; bin/PROGRAM. What another install has in lib is not this one's.
    const fs::path own = beside / "mrun/plugins";
    std::error_code error;
    folders.push_back(fs::is_directory(own, error) ? own : (beside / "../lib/mrun/plugins").lexically_normal());
  }
  return folders;
}

bool valid_plugin_name(std::string_view name) {
  if (name.empty() || name.size() > 64 || name[0] < 'a' || name[0] > 'z') return false;
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
}

}  // namespace mrun
