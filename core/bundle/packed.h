// One revision of a .mb file. The entries' names in the file are those of the newest revision; an earlier one's files are
// found by their hashes, wherever they lie (under a later name, or in history/objects).
#pragma once
#include "bundle/bundle.h"
#include "bundle/history.h"

namespace mrun {

class Packed final : public Bundle {
 public:
  Packed(std::shared_ptr<const Source>, const OpenOptions &);

  bool packed() const override { return true; }
  std::string digest() const override { return digest_; }
  Value lock() const override { return lock_value(lock_); }
  std::vector<EntryInfo> entries() const override;
  bool has(std::string_view path) const override { return find(path) != nullptr; }
  Tensor map_private(std::string_view path) const override;
  void verify_hashes() const override;
  std::optional<std::string> signatures() const override { return container_.signatures(); }

  const Container &container() const { return container_; }
  bool newest() const { return newest_; }
  const Lock &revision_lock() const { return lock_; }
  // False for weights of an earlier revision that a commit replaced: reading them is MISSING.
  bool holds(std::string_view path) const;

 protected:
  // Of the newest revision, which holds all earlier ones.
  SignedFiles signed_files() const override { return signed_entries(container_); }
  Tensor load(std::string_view path) const override;

 private:
  const LockEntry *find(std::string_view path) const;
  const Item *locate(std::string_view path, const LockEntry &) const;
  std::pair<const Item *, const LockEntry *> get(std::string_view path) const;
  void index_by_hash();

  const Container container_;
  Lock lock_;  // of the revision that was asked for
  std::string digest_;
  bool newest_ = true;
  std::map<std::string_view, const Item *> by_hash_;  // for earlier revisions; keys lie in container_'s lock
};

}  // namespace mrun
