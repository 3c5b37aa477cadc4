#include "author/left_out.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "base/text.h"
#include "bundle/folder.h"
#include "bundle/models.h"
#include "bundle/other_files.h"
#include "exec/params.h"
#include "script/lua/doubts.h"

namespace mrun {
namespace {

// What scripts read: labels, vocabularies, tables.
constexpr std::string_view data_suffixes[] = {".txt", ".json",        ".csv",   ".tsv",
                                              ".npy", ".safetensors", ".model", ".vocab"};

bool has_suffix(const std::string &path, const auto &suffixes) {
  const std::string suffix = std::filesystem::path(path).extension().native();
  return std::find(std::begin(suffixes), std::end(suffixes), suffix) != std::end(suffixes);
}

std::string hint(const std::string &path) {
  std::vector<std::string> files(std::begin(author_files), std::end(author_files));
  files.emplace_back(default_model_file);
  const std::vector<std::string> folders(std::begin(author_folders), std::end(author_folders));
  if (path == "models/")
    return "; a model is model.pt, or the file that bundle.toml names: [models.main] file = \"models/…\"";
  if (path.ends_with('/')) return did_you_mean(path, folders);
  if (is_model_name(path) && (!path.ends_with(".pt") || nearest(path, files).empty())) {
    return fmt::format("; a model's file is model.pt, or the one that bundle.toml names: [models.main] file = \"{}\"",
                       printable(path));
  }
  if (const std::string other = other_model_by_name(path); !other.empty() && !has_suffix(path, data_suffixes))
    return "; it is " + other;
  if (path.ends_with(".lua") && nearest(path, files).empty()) return "; modules of the bundle's own belong into lib/";
  if (has_suffix(path, data_suffixes) && nearest(path, files).empty())
    return "; what scripts read belongs into assets/";
  return did_you_mean(path, files);
}

// A file where packing puts models or scripts' data, and of none of them: model/model.pt, assets/model.pt.
bool of_no_model(const std::string &path, const Bundle &bundle) {
  const auto &models = bundle.manifest().models;
  const bool asset = path.starts_with("assets/") && path.ends_with(".pt");
  return (asset || is_packed_model(path)) && std::none_of(models.begin(), models.end(), [&](const ModelConfig &m) {
           const ModelFiles files = bundle.model_files(m);
           return path == files.graph || path == files.weights || path.starts_with(further_files(m.name));
         });
}

// A file of an example that no example has: examples/input.txt.
bool of_no_example(const std::string &path) {
  constexpr std::string_view root = "examples/";
  return path.starts_with(root) && path.find('/', root.size()) == std::string::npos &&
         (path.starts_with("examples/input.") || path == "examples/expected.json");
}

// A byte order mark would be a part of the first line: of a label, or a vocabulary's first entry.
bool begins_with_mark(const std::string &path, const Bundle &bundle) {
  constexpr std::string_view suffixes[] = {".txt", ".csv", ".tsv", ".vocab"};
  if (!path.starts_with("assets/") || !has_suffix(path, suffixes)) return false;
  std::array<char, 3> first{};
  std::ifstream(bundle.file() / path, std::ios::binary).read(first.data(), first.size());
  return std::string_view(first.data(), first.size()) == "\xef\xbb\xbf";
}

}  // namespace

std::vector<std::string> left_out(const Bundle &bundle) {
  std::vector<std::string> sentences;
  for (const std::string &path : bundle.ignored()) {
    sentences.push_back(fmt::format("{}: not part of a bundle, left out{}", printable(path), hint(path)));
  }
  return sentences;
}

std::vector<std::string> notices(const Bundle &bundle) {
  if (bundle.packed()) return {};
  KnownNames known{names_of_params(bundle.manifest().params), {}, bundle.manifest().input == InputKind::text};
  for (const Field &field : bundle.manifest().fields) known.fields.push_back(field.name);
  std::vector<std::string> sentences;
  for (const EntryInfo &entry : bundle.entries()) {
    if (of_no_example(entry.path)) {
      sentences.push_back(
          fmt::format("{}: belongs to no example; one is a folder of its own, examples/NAME/", entry.path));
    }
    if (of_no_model(entry.path, bundle)) {
      sentences.push_back(fmt::format(
          "{0}: belongs to no model; bundle.toml would name one: [models.main] file = \"{0}\"", printable(entry.path)));
    }
    if (begins_with_mark(entry.path, bundle)) {
      sentences.push_back(fmt::format(
          "{}: begins with a byte order mark, which becomes a part of its first line: save it as UTF-8 without one",
          printable(entry.path)));
    }
    if (!entry.path.ends_with(".lua") || entry.path.starts_with("std/") || entry.path.starts_with("assets/")) continue;
    const std::vector<std::string> found = doubts(printable(entry.path), bundle.text(entry.path), known);
    sentences.insert(sentences.end(), found.begin(), found.end());
  }
  const std::vector<std::string> files = left_out(bundle);
  sentences.insert(sentences.end(), files.begin(), files.end());
  return sentences;
}

}  // namespace mrun
