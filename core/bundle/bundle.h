// Bundle: a folder or a packed .mb behind one interface. Immutable and shared by all threads; runs nothing.
#pragma once
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bundle/manifest.h"
#include "value/tensor.h"

namespace mrun {

struct EntryInfo {
  std::string path;  // "preprocess.lua", "assets/labels.txt", "model/main.safetensors"
  uint64_t size = 0;
  std::string sha256;  // hex; empty for a folder
};

struct OpenOptions {
  std::string revision;  // "3", a digest, or empty: the newest
  bool verify = false;   // all hashes, weights included, before open returns
};

class Bundle : public std::enable_shared_from_this<Bundle> {
 public:
  static std::shared_ptr<const Bundle> open(const std::filesystem::path &, const OpenOptions & = {});
  static std::shared_ptr<const Bundle> open_fd(int fd, const OpenOptions & = {});
  static std::shared_ptr<const Bundle> open_memory(const void *data, size_t size, std::function<void()> release,
                                                   const OpenOptions & = {});
  virtual ~Bundle() = default;

  const Manifest &manifest() const { return manifest_; }
  const std::string &origin() const { return origin_; }  // the path it was opened by, for messages
  virtual bool packed() const = 0;
  virtual std::string digest() const = 0;              // SHA-256 of bundle.lock; "" for a folder
  virtual Value lock() const = 0;                      // bundle.lock as a map; nil for a folder
  virtual std::vector<EntryInfo> entries() const = 0;  // by name; without bundle.lock and history/
  virtual bool has(std::string_view path) const = 0;
  // A read-only 1-D uint8 tensor over the mapping, kept alive by the tensor; hash-checked on first use (weights
  // excepted). Throws MISSING with the entry's name and near misses, VERIFY where the hash differs.
  virtual Tensor read(std::string_view path) const = 0;
  // Weights: a private writable mapping, not flagged read-only; a write costs a page and is seen by this mapping alone.
  virtual Tensor map_private(std::string_view path) const = 0;
  std::string text(std::string_view path) const;  // read, checked to be valid UTF-8
  virtual void verify_hashes() const = 0;         // throws VERIFY naming the first entry that differs

 protected:
  Manifest manifest_;
  std::string origin_;
};

}  // namespace mrun
