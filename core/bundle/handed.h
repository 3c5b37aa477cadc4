// A bundle's folder whose files were opened by somebody else: what a worker has, who may open none.
#pragma once
#include "base/file.h"
#include "bundle/bundle.h"

namespace mrun {

class Handed final : public Bundle {
 public:
  // files: by entry, as the folder that they are of lists them.
  Handed(std::string origin, std::map<std::string, UniqueFd, std::less<>> files);

  bool packed() const override { return false; }
  std::string digest() const override { return {}; }
  Value lock() const override { return {}; }
  std::vector<EntryInfo> entries() const override;
  bool has(std::string_view path) const override { return files_.count(path) != 0; }
  Tensor map_private(std::string_view path) const override { return map(path, FileMap::Mode::private_writable); }
  void verify_hashes() const override {}
  // Who hands the files over has checked them.
  std::optional<std::string> signatures() const override { return std::nullopt; }

 protected:
  SignedFiles signed_files() const override { return {}; }
  Tensor load(std::string_view path) const override { return map(path, FileMap::Mode::read_only); }

 private:
  Tensor map(std::string_view path, FileMap::Mode) const;
  std::map<std::string, UniqueFd, std::less<>> files_;
};

}  // namespace mrun
