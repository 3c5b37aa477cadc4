// A bundle's folder, as the author has it. FORMAT.md, "What is packed", lists what belongs to it.
#pragma once
#include "bundle/bundle.h"

namespace mrun {

// What belongs to a bundle by its name, besides the files of its models: these, and what lies in these.
inline constexpr std::string_view author_files[] = {"bundle.toml",     "preprocess.lua", "forward.lua",
                                                    "postprocess.lua", "README.md",      "LICENSE"};
inline constexpr std::string_view author_folders[] = {"lib/", "assets/", "examples/", "std/", "model/"};

class Folder final : public Bundle {
 public:
  // Reads the manifest and the names and sizes of the files. Names that could not be packed are refused; so is a
  // symbolic link that leads out of the folder.
  Folder(const std::filesystem::path &, const OpenOptions &);

  bool packed() const override { return false; }
  std::string digest() const override { return {}; }
  Value lock() const override { return {}; }
  std::vector<EntryInfo> entries() const override;
  bool has(std::string_view path) const override { return files_.count(path) != 0; }
  std::vector<std::string> ignored() const override { return ignored_; }
  Tensor map_private(std::string_view path) const override;
  void verify_hashes() const override {}
  std::optional<std::string> signatures() const override;

  // Where a file is, links followed.
  const std::filesystem::path &path_of(std::string_view entry) const;
  // Whether a file of that name is the bundle's, should it be there.
  bool belongs(const std::string &name) const;

 protected:
  SignedFiles signed_files() const override { return signed_folder(root_); }
  Tensor load(std::string_view path) const override;

 private:
  struct File {
    std::filesystem::path path;
    uint64_t size = 0;
  };
  void walk(const std::filesystem::path &folder, const std::string &prefix);
  void add(const std::filesystem::path &, const std::string &name);
  bool enters(const std::string &folder) const;
  void check_doubles() const;

  std::filesystem::path root_;
  std::map<std::string, File, std::less<>> files_;
  std::vector<std::string> ignored_;
};

}  // namespace mrun
