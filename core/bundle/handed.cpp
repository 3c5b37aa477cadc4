#include "bundle/handed.h"

#include <sys/stat.h>

#include <cerrno>

namespace mrun {

Handed::Handed(std::string origin, std::map<std::string, UniqueFd, std::less<>> files) : files_(std::move(files)) {
  origin_ = std::move(origin);
  const std::string manifest_file = printable((std::filesystem::path(origin_) / "bundle.toml").native());
  manifest_ = parse_manifest(text("bundle.toml"), manifest_file);
  complete_models(manifest_file);
}

std::vector<EntryInfo> Handed::entries() const {
  std::vector<EntryInfo> out;
  for (const auto &[name, fd] : files_) {
    struct stat status = {};
    if (::fstat(fd.get(), &status) != 0) fail_errno(errno, name, "read its status");
    out.push_back({name, static_cast<uint64_t>(status.st_size), {}});
  }
  return out;
}

Tensor Handed::map(std::string_view path, FileMap::Mode mode) const {
  const auto found = files_.find(path);
  if (found == files_.end()) fail_missing(path);
  auto mapping = FileMap::of(found->second.get(), path, mode);
  const Shape shape{static_cast<int64_t>(mapping->size())};
  void *data = mapping->data();
  return Tensor::over(data, dtype::uint8, shape, std::move(mapping), mode == FileMap::Mode::read_only);
}

}  // namespace mrun
