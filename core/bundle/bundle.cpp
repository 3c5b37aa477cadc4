#include "bundle/bundle.h"

#include <fcntl.h>
#include <fmt/ranges.h>

#include <cerrno>
#include <system_error>

#include "base/file.h"
#include "base/text.h"
#include "base/utf16.h"
#include "bundle/folder.h"
#include "bundle/packed.h"

namespace mrun {
namespace fs = std::filesystem;

std::shared_ptr<const Bundle> Bundle::open(const fs::path &path, const OpenOptions &options) {
  const std::shared_ptr<Bundle> opened = open_path(path, options);
  std::error_code unknown;  // the folder of this process may be gone
  opened->file_ = fs::absolute(path, unknown).lexically_normal();
  return opened;
}

std::shared_ptr<Bundle> Bundle::open_path(const fs::path &path, const OpenOptions &options) {
  std::error_code error;
  if (fs::is_directory(path, error)) {
    if (!options.revision.empty()) {
      fail(MRUN_MISSING, "{}: is a folder and has no revisions; a .mb file is wanted", printable(path.native()));
    }
    return std::make_shared<Folder>(path, options);
  }
  return std::make_shared<Packed>(file_source(open_file(path, MRUN_BUNDLE), path.native()), options);
}

std::shared_ptr<const Bundle> Bundle::open_fd(int fd, const OpenOptions &options) {
  const std::string name = options.name.empty() ? fmt::format("descriptor {}", fd) : options.name;
  UniqueFd own(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
  if (!own) fail_errno(errno, name, "open");
  return std::make_shared<const Packed>(file_source(std::move(own), name), options);
}

std::shared_ptr<const Bundle> Bundle::open_memory(const void *data, size_t size, std::function<void()> release,
                                                  const OpenOptions &options) {
  return std::make_shared<const Packed>(memory_source(data, size, std::move(release)), options);
}

Tensor Bundle::read(std::string_view path) const {
  const ExclusiveLock lock(mutex_);
  auto found = loaded_.find(path);
  if (found == loaded_.end()) found = loaded_.emplace(path, load(path)).first;
  return found->second;
}

std::string Bundle::text(std::string_view path) const {
  const Tensor bytes = read(path);
  const std::string_view text = bytes.bytes();
  if (is_utf16(text)) {
    fail(MRUN_BUNDLE, "{}: {}: the file is UTF-16; a text in UTF-8 is wanted", printable(origin_), path);
  }
  if (!valid_utf8(text)) {
    fail(MRUN_BUNDLE, "{}: {}: byte {} is not UTF-8; a text in UTF-8 is wanted", printable(origin_), path,
         utf8_until(text));
  }
  return std::string(text);
}

ModelFiles Bundle::model_files(const ModelConfig &model) const {
  for (ModelFiles pair : {model_pair(model), early_model_pair(model)}) {
    if (has(pair.graph)) return pair;
  }
  for (std::string whole : {whole_model(model), early_whole_model(model)}) {
    if (has(whole)) return {std::move(whole), ""};
  }
  return {model.file, ""};
}

std::vector<std::string> Bundle::further_model_files(const ModelConfig &model) const {
  std::vector<std::string> paths;
  const std::string folder = further_files(model.name);
  for (EntryInfo &e : entries()) {
    if (e.path.starts_with(folder)) paths.push_back(std::move(e.path));
  }
  return paths;
}

void Bundle::check_signed(const std::vector<PublicKey> &trusted) {
  if (trusted.empty()) return;
  const std::optional<std::string> text = signatures();
  signed_by_ = check_signatures(text ? &*text : nullptr, signed_files(), trusted, printable(origin_) + ": bundle.sig");
}

void Bundle::fail_missing(std::string_view path) const {
  std::vector<std::string> names;
  for (EntryInfo &e : entries()) names.push_back(std::move(e.path));
  std::string hint = did_you_mean(path, names);
  constexpr std::string_view assets = "assets/";  // which a script does not write: its paths are below it
  if (path.starts_with(assets) && path.substr(assets.size()).starts_with(assets) && has(path.substr(assets.size()))) {
    hint = fmt::format("; below assets/ it is called \"{}\"", printable(path.substr(2 * assets.size())));
  }
  constexpr size_t few = 12;
  if (hint.empty() && names.size() <= few) {
    hint = fmt::format("; there are: {}", printable(fmt::format("{}", fmt::join(names, ", "))));
  }
  fail(MRUN_MISSING, "{}: no {} in this bundle{}", printable(origin_), printable(path), hint);
}

void Bundle::complete_models(const std::string &manifest_file) {
  if (manifest_.models.empty()) {
    ModelConfig main = main_model();
    if (has(model_files(main).graph)) manifest_.models.push_back(std::move(main));
  }
  for (const ModelConfig &m : manifest_.models) {
    const ModelFiles files = model_files(m);
    for (const std::string &file : {files.graph, files.weights}) {
      if (file.empty() || has(file)) continue;
      const std::string line = m.line > 0 ? fmt::format(":{}", m.line) : "";
      std::vector<std::string> names = ignored();
      for (EntryInfo &e : entries()) names.push_back(std::move(e.path));
      std::string hint = did_you_mean(file, names);
      if (hint.empty() && file == default_model_file) hint = "; file = \"…\" names another";
      fail(MRUN_MISSING, "{}{}: [models.{}]: {} is not in the bundle{}", manifest_file, line, m.name, printable(file),
           hint);
    }
  }
}

}  // namespace mrun
