#include "bundle/folder.h"

#include <algorithm>
#include <system_error>

#include "base/file.h"
#include "base/folder_names.h"
#include "base/text.h"
#include "bundle/container.h"
#include "bundle/models.h"
#include "bundle/names.h"

namespace mrun {
namespace fs = std::filesystem;
namespace {

// Larger files are mapped. An author edits small ones while a bundle runs, and a mapping would show half of the new text.
constexpr size_t copied_size = size_t{1} << 20;

bool inside(const fs::path &path, const fs::path &root) {
  return std::mismatch(root.begin(), root.end(), path.begin(), path.end()).first == root.end();
}

// For a folder without a manifest: where one is below it, or how one is made.
std::string bundle_below(const fs::path &folder) {
  std::error_code none;
  const bool tensorflow = fs::exists(folder / "saved_model.pb", none);
  if (tensorflow || folder.extension() == ".mlpackage") {
    return fmt::format("; it is a model of {}, which no backend of mrun's own opens",
                       tensorflow ? "TensorFlow" : "Core ML");
  }
  for (const std::string &name : folder_names(folder, none)) {
    if (name == "bundle.TOML" || name == "Bundle.toml" || name == "bundle.tml" || name == "bundle.tom" ||
        name == "bundle.toml.txt")
      return fmt::format("; is {} meant to be bundle.toml?", name);
    if (fs::is_regular_file(folder / name / "bundle.toml", none))
      return fmt::format(": there is one in {}", printable((folder / name).native()));
  }
  return "; `mrun new NAME --kind KIND` makes one";
}

}  // namespace

Folder::Folder(const fs::path &path, const OpenOptions &options) {
  origin_ = path.native();
  std::error_code error;
  root_ = fs::canonical(path, error);
  if (error) fail_errno(error.value(), origin_, "open");
  check_signed(options.trusted);
  const fs::path file = root_ / "bundle.toml";
  if (!fs::exists(file, error)) {
    if (error) fail_errno(error.value(), file.native(), "open");
    fail(MRUN_BUNDLE, "{}: no bundle.toml in this folder; a bundle's folder or a .mb file is wanted{}",
         printable(origin_), bundle_below(path));
  }
  const std::string manifest_file = printable((path / "bundle.toml").native());
  if (!fs::is_regular_file(file, error)) fail(MRUN_BUNDLE, "{}: is not a regular file", manifest_file);
  manifest_ = parse_manifest(read_file(file, MRUN_BUNDLE), manifest_file);
  walk(root_, "");
  std::sort(ignored_.begin(), ignored_.end());
  NameSet names;
  for (const auto &[name, entry] : files_) {
    const std::string conflict = names.add(name);
    if (!conflict.empty()) fail(MRUN_BUNDLE, "{}: {}", printable(origin_), conflict);
  }
  check_doubles();
  complete_models(manifest_file);
}

// What may hold files of the bundle; anything else is not even listed.
bool Folder::enters(const std::string &folder) const {
  const auto leads = [&](std::string_view name) { return name.starts_with(folder); };
  return std::any_of(std::begin(author_folders), std::end(author_folders),
                     [&](std::string_view f) { return folder.starts_with(f); }) ||
         std::any_of(manifest_.models.begin(), manifest_.models.end(),
                     [&](const ModelConfig &m) { return leads(m.file); });
}

bool Folder::belongs(const std::string &name) const {
  const std::string_view n = name;
  if (std::find(std::begin(author_files), std::end(author_files), n) != std::end(author_files)) return true;
  if (n.starts_with("lib/") || n.starts_with("std/")) return n.ends_with(".lua");
  if (n.starts_with("assets/") || n.starts_with("examples/")) return true;
  return belongs_to_models(n, manifest_.models);
}

void Folder::walk(const fs::path &folder, const std::string &prefix) {
  for (const std::string &file : folder_names(folder)) {
    const fs::path path = folder / file;
    const std::string name = prefix + file;
    const bool hidden = file.front() == '.';
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    // What unpacking a signed bundle leaves beside its files.
    if (is_machinery(name) || name == "history") continue;
    if (hidden || (!fs::is_directory(status) && !belongs(name))) {
      ignored_.push_back(fs::is_directory(status) ? name + "/" : name);
    } else if (fs::is_directory(status)) {
      if (!enters(name + "/")) {
        ignored_.push_back(name + "/");
        continue;
      }
      // A link to a folder could lead round in a circle.
      if (fs::is_symlink(path, error)) {
        fail(MRUN_BUNDLE, "{}: {} is a link to a folder; a folder is wanted", printable(origin_), printable(name));
      }
      if (!good_name(name)) { fail(MRUN_BUNDLE, "{}: {}: {}", printable(origin_), printable(name), name_rule); }
      walk(path, name + "/");
    } else {
      add(path, name);
    }
  }
}

void Folder::add(const fs::path &path, const std::string &name) {
  if (!good_name(name)) fail(MRUN_BUNDLE, "{}: {}: {}", printable(origin_), printable(name), name_rule);
  std::error_code error;
  File file;
  file.path = fs::canonical(path, error);
  if (error == std::errc::not_enough_memory) fail_errno(error.value(), path.native(), "find where it lies");
  if (error) fail(MRUN_BUNDLE, "{}: {} is a link to nothing", printable(origin_), name);
  if (!inside(file.path, root_)) {
    fail(MRUN_BUNDLE, "{}: {} is a link that leads out of the folder; a file or a link inside it is wanted",
         printable(origin_), name);
  }
  if (!fs::is_regular_file(file.path, error)) {
    fail(MRUN_BUNDLE, "{}: {} is not a regular file", printable(origin_), name);
  }
  file.size = fs::file_size(file.path, error);
  if (error) fail_errno(error.value(), path.native(), "read its size");
  files_.emplace(name, std::move(file));
}

// A model and the pair made of an earlier one: nobody could tell which is meant.
void Folder::check_doubles() const {
  std::vector<ModelConfig> models = manifest_.models;
  if (models.empty()) models.push_back(main_model());
  for (const ModelConfig &m : models) {
    const std::string made = model_files(m).graph;
    if (made != m.file && has(m.file)) {
      fail(MRUN_BUNDLE, "{}: both {} and {} are there, two forms of model {}; one of them is wanted",
           printable(origin_), m.file, made, m.name);
    }
  }
}

std::vector<EntryInfo> Folder::entries() const {
  std::vector<EntryInfo> out;
  for (const auto &[name, file] : files_) out.push_back({name, file.size, {}});
  return out;
}

const fs::path &Folder::path_of(std::string_view entry) const {
  const auto found = files_.find(entry);
  if (found == files_.end()) fail_missing(entry);
  return found->second.path;
}

std::optional<std::string> Folder::signatures() const {
  std::error_code error;
  const fs::path path = root_ / "bundle.sig";
  if (fs::symlink_status(path, error).type() == fs::file_type::not_found) return std::nullopt;
  return read_file(path, MRUN_VERIFY, max_signature);
}

Tensor Folder::load(std::string_view path) const {
  const fs::path &file = path_of(path);
  const UniqueFd fd = open_file(file, MRUN_MISSING);
  if (files_.find(path)->second.size > copied_size) {
    auto mapping = FileMap::of(fd.get(), file.native());
    const Shape shape{static_cast<int64_t>(mapping->size())};
    void *data = mapping->data();
    return Tensor::over(data, dtype::uint8, shape, std::move(mapping), true);
  }
  auto bytes = std::make_shared<const std::string>(read_all(fd.get(), file.native()));
  const Shape shape{static_cast<int64_t>(bytes->size())};
  void *data = const_cast<char *>(bytes->data());
  return Tensor::over(data, dtype::uint8, shape, std::move(bytes), true);
}

Tensor Folder::map_private(std::string_view path) const {
  auto mapping = FileMap::open(path_of(path), MRUN_MISSING, FileMap::Mode::private_writable);
  const Shape shape{static_cast<int64_t>(mapping->size())};
  void *data = mapping->data();
  return Tensor::over(data, dtype::uint8, shape, std::move(mapping), false);
}

}  // namespace mrun
