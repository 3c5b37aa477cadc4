// Bundle: a folder or a packed .mb behind one interface. Immutable and shared by all threads; runs nothing. What read gives
// keeps alive what it needs (a copy, a mapping), not the bundle.
#pragma once
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "bundle/manifest.h"
#include "bundle/models.h"
#include "bundle/signature.h"
#include "value/tensor.h"

namespace mrun {

struct EntryInfo {
  std::string path;  // "preprocess.lua", "assets/labels.txt", "model/main.safetensors"
  uint64_t size = 0;
  std::string sha256;  // hex; empty for a folder
};

struct OpenOptions {
  std::string revision;   // "3", a digest, or empty: the newest
  bool verify = false;    // all hashes, weights included, before open returns
  std::string name = {};  // for messages, of a descriptor
  // Where there are any: a signature by one of them holds, and every file is what was signed, before open returns; else
  // VERIFY.
  std::vector<PublicKey> trusted = {};
};

class Bundle : public std::enable_shared_from_this<Bundle> {
 public:
  // Checked before it returns: structure, lock, manifest, and that the files of its models are there. Throws BUNDLE
  // (no such file, no bundle, damaged, a newer format, a bad manifest), MISSING (a model's file, a revision), IO.
  static std::shared_ptr<const Bundle> open(const std::filesystem::path &, const OpenOptions & = {});
  // A .mb file; the descriptor stays the caller's and may be closed at once.
  static std::shared_ptr<const Bundle> open_fd(int fd, const OpenOptions & = {});
  // A .mb file's bytes. release is called once: when nothing uses them any more, or when this throws.
  static std::shared_ptr<const Bundle> open_memory(const void *data, size_t size, std::function<void()> release,
                                                   const OpenOptions & = {});
  virtual ~Bundle() = default;

  // Models are complete: a lone model file without a section in bundle.toml stands here as "main".
  const Manifest &manifest() const { return manifest_; }
  const std::string &origin() const { return origin_; }  // the path it was opened by, for messages
  // The same, absolute: the process may change its folder. Empty of a bundle that was opened from a descriptor or from memory.
  const std::filesystem::path &file() const { return file_; }
  virtual bool packed() const = 0;
  virtual std::string digest() const = 0;              // SHA-256 of bundle.lock; "" for a folder
  virtual Value lock() const = 0;                      // bundle.lock as a map; nil for a folder
  virtual std::vector<EntryInfo> entries() const = 0;  // by name; without format, bundle.lock and history/
  virtual bool has(std::string_view path) const = 0;
  // Files of a folder that are no part of the bundle ("train.py", "old/"), by name; none in a packed one.
  virtual std::vector<std::string> ignored() const { return {}; }

  // A read-only 1-D uint8 tensor, made once and shared. Of a packed bundle: a copy whose hash was checked first, so
  // that nobody can change it afterwards; weights and assets above 1 MiB are the mapping itself, not hashed. Throws
  // MISSING with the entry's name and near misses, VERIFY where the hash differs. bundle.lock can be read, too.
  Tensor read(std::string_view path) const;
  // Weights: a private writable mapping, not flagged read-only, a new one each time; a write costs a page and is seen
  // by this mapping alone. (Of a bundle in memory: a copy.)
  virtual Tensor map_private(std::string_view path) const = 0;
  std::string text(std::string_view path) const;      // read, checked to be valid UTF-8: else BUNDLE
  ModelFiles model_files(const ModelConfig &) const;  // where the model lies in this bundle
  std::vector<std::string> further_model_files(const ModelConfig &) const;  // paths, sorted
  // bundle.sig as it is; whether its signatures hold is known of signed_by() alone.
  virtual std::optional<std::string> signatures() const = 0;
  // Fingerprint of the trusted key whose signature held when this was opened; empty where no keys were given.
  const std::string &signed_by() const { return signed_by_; }
  virtual void verify_hashes() const = 0;  // all, weights and history too; throws VERIFY naming the first that differs

 protected:
  virtual Tensor load(std::string_view path) const = 0;  // what read keeps
  virtual SignedFiles signed_files() const = 0;          // every file that a signature must list, hashed now
  void check_signed(const std::vector<PublicKey> &trusted);
  [[noreturn]] void fail_missing(std::string_view path) const;
  void complete_models(const std::string &manifest_file);  // after manifest_ and the entries are known

  Manifest manifest_;
  std::string origin_;

 private:
  static std::shared_ptr<Bundle> open_path(const std::filesystem::path &, const OpenOptions &);

  std::filesystem::path file_;
  std::string signed_by_;
  mutable Mutex mutex_;
  mutable std::map<std::string, Tensor, std::less<>> loaded_ GUARDED_BY(mutex_);
};

}  // namespace mrun
