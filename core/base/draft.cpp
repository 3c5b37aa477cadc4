#include "base/draft.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <system_error>

#include "base/apart.h"
#include "base/folder_names.h"
#include "base/hash.h"
#include "base/text.h"

namespace mrun {
namespace {

namespace fs = std::filesystem;

constexpr int most_attempts = 1000;  // other drafts of this process, and names that are taken

fs::path folder_of(const fs::path &target) { return target.has_parent_path() ? target.parent_path() : "."; }

std::string stem_of(const fs::path &target) {
  return fmt::format(".{}.tmp-", target.filename().native().substr(0, 200));
}

bool same_file(int fd, const fs::path &path) {
  struct stat open = {}, named = {};
  return ::fstat(fd, &open) == 0 && ::lstat(path.c_str(), &named) == 0 && open.st_ino == named.st_ino &&
         open.st_dev == named.st_dev;
}

// A draft whose lock can be had has no writer any more.
void remove_leftover(const fs::path &path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd || ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0 || !same_file(fd.get(), path)) return;
  std::error_code ignored;
  fs::remove_all(path, ignored);
}

void remove_leftovers(const fs::path &target) {
  const std::string stem = stem_of(target);
  const fs::path folder = folder_of(target);
  std::error_code ignored;  // of a folder that may be written but not listed
  for (const std::string &name : folder_names(folder, ignored)) {
    const bool ours = name.starts_with(stem) && name.size() > stem.size() &&
                      name.find_first_not_of("0123456789-", stem.size()) == std::string::npos;
    if (ours) remove_leftover(folder / name);
  }
}

[[noreturn]] void fail_to_begin(int error, const fs::path &target, const char *action) {
  const fs::path folder = target.parent_path();
  std::error_code unknown;
  if ((error == ENOENT || error == ENOTDIR) && !folder.empty() && !fs::is_directory(folder, unknown)) {
    const char *what = fs::exists(folder, unknown) ? "is no folder" : "is not there; a folder that is there is wanted";
    fail(MRUN_IO, "{}: cannot {}: {} {}", printable(target.native()), action, printable(folder.native()), what);
  }
  fail_errno(error, target.native(), action);
}

// Makes a draft's file or folder under a free name: `make` opens it, or gives none with errno EEXIST. The lock is had
// only after the making, so a writer of the same target may have taken it for a leftover meanwhile, or be about to, with
// the lock in its hand: then under another name.
template <class Make>
UniqueFd make_draft(const fs::path &target, fs::path &path, const char *action, Make &&make) {
  remove_leftovers(target);
  const std::string stem = fmt::format("{}{}", stem_of(target), ::getpid());
  for (int attempt = 0; attempt < most_attempts; ++attempt) {
    path = target.parent_path() / (attempt == 0 ? stem : fmt::format("{}-{}", stem, attempt));
    UniqueFd fd = make(path);
    if (!fd && errno != EEXIST) fail_to_begin(errno, target, action);
    if (!fd) continue;
    // Another failure is a file system without locks: then leftovers stay.
    const bool taken = ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (!taken && same_file(fd.get(), path)) return fd;
  }
  fail_errno(EEXIST, target.native(), action);
}

// What takes a file's or a folder's place is as private as that was, from its first byte on.
void keep_mode(int fd, const fs::path &target) {
  struct stat old = {};
  if (::stat(target.c_str(), &old) != 0 || !(S_ISREG(old.st_mode) || S_ISDIR(old.st_mode))) return;
  const mode_t writable = S_ISDIR(old.st_mode) ? S_IRWXU : 0;  // a folder is filled afterwards
  if (::fchmod(fd, (old.st_mode & 07777) | writable) != 0) fail_errno(errno, target.native(), "keep its mode");
}

void sync(int fd, const fs::path &name) {
  // EINVAL: a file system that has nothing to sync.
  if (::fsync(fd) != 0 && errno != EINVAL) fail_errno(errno, name.native(), "write it to the disk");
}

void sync_folder(const fs::path &folder) {
  const UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd) sync(fd.get(), folder);  // else a folder that may be written but not read
}

// Closing reports what network file systems write late. The file stays open, and with it the lock.
void flush_late(int fd, const fs::path &name) {
  const int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 3);
  if (copy >= 0 && ::close(copy) != 0) fail_errno(errno, name.native(), "write it to the disk");
}

void sync_folders(const fs::path &folder) {
  for (const std::string &name : folder_names(folder)) {
    if (fs::symlink_status(folder / name).type() == fs::file_type::directory) sync_folders(folder / name);
  }
  sync_folder(folder);
}

// False where there is nothing to exchange, or the file system cannot.
bool exchange(const fs::path &a, const fs::path &b) {
  return ::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE) == 0;
}

}  // namespace

FileDraft::FileDraft(fs::path target) : target_(std::move(target)) {
  fd_ = make_draft(target_, path_, "write a file beside it", [](const fs::path &path) {
    return apart(UniqueFd(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666)));
  });
  keep_mode(fd(), target_);
}

// Of a name that would be too long with what is added, its hash tells it from others that begin as it does.
fs::path FileDraft::part_of(const fs::path &target) {
  constexpr size_t longest = 200, hash_digits = 16;
  std::string name = target.filename().native();
  if (name.size() > longest) name = name.substr(0, longest) + "-" + sha256_hex(name).substr(0, hash_digits);
  return target.parent_path() / fmt::format(".{}.part", name);
}

FileDraft::FileDraft(fs::path target, Kept) : target_(std::move(target)) {
  const fs::path part = part_of(target_);
  // Between the opening and the lock another writer may have put the part in its place: what is locked then is the whole file.
  for (int attempt = 0; !fd_ || !same_file(fd(), part); ++attempt) {
    fd_ = apart(UniqueFd(::open(part.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666)));
    if (!fd_) fail_to_begin(errno, target_, "write a file beside it");
    if ((::flock(fd(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) || attempt == most_attempts)
      fail(MRUN_USAGE, "{}: another run writes it at this moment", printable(target_.native()));
  }
  keep_mode(fd(), target_);
  path_ = part;
}

FileDraft::~FileDraft() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

void FileDraft::commit(bool replace) {
  sync(fd(), target_);
  flush_late(fd(), target_);
  const unsigned flags = replace ? 0 : RENAME_NOREPLACE;
  if (::renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, target_.c_str(), flags) != 0) {
    fail_errno(errno, target_.native(), "put it in its place");
  }
  path_.clear();
  fd_.reset();
  sync_folder(folder_of(target_));
}

FolderDraft::FolderDraft(fs::path target) : target_(std::move(target)) {
  lock_ = make_draft(target_, path_, "make a folder beside it", [](const fs::path &path) {
    if (::mkdir(path.c_str(), 0777) != 0) return UniqueFd();
    UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
    if (const int error = errno; !fd) {  // no descriptor is left: nor shall the folder be
      ::rmdir(path.c_str());
      errno = error;
    }
    return fd;
  });
  keep_mode(lock_.get(), target_);
}

FolderDraft::~FolderDraft() {
  std::error_code ignored;
  if (!path_.empty()) fs::remove_all(path_, ignored);
}

void FolderDraft::write(const fs::path &name, std::string_view bytes) const {
  const fs::path path = path_ / name;
  const std::string shown = (target_ / name).native();
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  if (error) fail_errno(error.value(), shown, "make its folder");
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666));
  if (!fd) fail_errno(errno, shown, "write");
  write_all(fd.get(), bytes, shown);
  sync(fd.get(), shown);
  flush_late(fd.get(), shown);
}

void FolderDraft::commit(bool replace) {
  sync_folders(path_);
  std::error_code error;
  if (!replace || !exchange(path_, target_)) {
    if (replace) fs::remove_all(target_, error);
    if (!error) fs::rename(path_, target_, error);
    if (error == std::errc::device_or_resource_busy) {
      fail(MRUN_IO, "{}: is a mount point, whose place no folder can take; want a new folder in it, as {}",
           printable(target_.native()), printable((target_ / "NAME").native()));
    }
    if (error) fail_errno(error.value(), target_.native(), "put the folder in its place");
    path_.clear();
  }
  sync_folder(folder_of(target_));  // after an exchange the destructor removes the old folder
}

}  // namespace mrun
