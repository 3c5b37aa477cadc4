// Drafts: a file and a folder that appear whole or not at all. Each is written beside its target under a name of its
// own, `.NAME.tmp-PID`, locked while its writer lives, and put in the target's place by commit(), synced: what is seen
// under the target's name survives a loss of power; a file or folder keeps the mode of the one whose place it takes.
// What is not committed is removed: by the destructor, or, where the writer was killed, by the next writer of the same
// target; but for a draft that is kept to be gone on with.
#pragma once
#include <filesystem>
#include <string>
#include <string_view>

#include "base/file.h"

namespace mrun {

// One thread, as FolderDraft.
class FileDraft {
 public:
  explicit FileDraft(std::filesystem::path target);  // of a file; its folder must exist. Throws IO
  // One that can be left and gone on with, `.NAME.part`: with what it holds already. Throws USAGE while another writes it.
  enum class Kept { part };
  FileDraft(std::filesystem::path target, Kept);
  static std::filesystem::path part_of(
      const std::filesystem::path &target);  // its `.NAME.part`, whether it is there or not
  void leave() { path_.clear(); }            // it stays as it is
  ~FileDraft();
  FileDraft(const FileDraft &) = delete;
  FileDraft &operator=(const FileDraft &) = delete;
  const std::filesystem::path &path() const { return path_; }
  int fd() const { return fd_.get(); }  // open for reading and writing; empty, but where it was kept
  // Where it throws IO the old file stays, but where the folder could not be synced: then the new one is there already.
  // Without `replace` an old file is IO, too.
  void commit(bool replace = true);

 private:
  std::filesystem::path target_, path_;
  UniqueFd fd_;
};

class FolderDraft {
 public:
  explicit FolderDraft(std::filesystem::path target);
  ~FolderDraft();
  FolderDraft(const FolderDraft &) = delete;
  FolderDraft &operator=(const FolderDraft &) = delete;
  const std::filesystem::path &path() const { return path_; }
  // A new file of it; `name` may lie in folders, which are made.
  void write(const std::filesystem::path &name, std::string_view bytes) const;
  // Over nothing or an empty folder; anything else is IO, but with `replace` the old folder makes way: it is exchanged
  // with the new one where the file system can, and removed.
  void commit(bool replace = false);

 private:
  std::filesystem::path target_, path_;
  UniqueFd lock_;
};

}  // namespace mrun
