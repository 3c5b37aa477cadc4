// Writes .mb files: the same entries give the same bytes, whole files appear at once or not at all. Nothing that differs from
// machine to machine (times, owners, the order of a folder) goes into one.
#pragma once
#include <atomic>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <variant>

#include "bundle/container.h"

namespace mrun {

// The file's bytes from an entry of the bundle that a commit replaces: found by its hash, not copied through memory.
struct Kept {
  std::string sha256;
};
// What an entry is made of: a file (streamed, not read whole), a text, the bytes of a contiguous tensor, or Kept (in
// commits alone).
using Content = std::variant<std::filesystem::path, std::string, Tensor, Kept>;
using Contents = std::map<std::string, Content, std::less<>>;

// Writes entries in the order they come to a descriptor. Used by write_bundle and commit_revision.
class ContainerWriter {
 public:
  // fd: an empty file; name: for messages. Both live longer.
  ContainerWriter(int fd, const std::string &name) : fd_(fd), name_(name) {}
  // Hashes while it writes; what it wrote is in the lock entry. Not of Kept.
  LockEntry add(const std::string &name, const Content &);
  // A payload that lies in another .mb file: cloned where the file system can, else copied. Where `same` is given, its
  // bytes are compared on the way: false, and nothing is added, if they differ.
  bool add_range(const Item &, const Source &from, const Source *same = nullptr);
  // What was written so far goes to the disk now. Throws IO.
  void sync();
  // bundle.lock, bundle.sig if there are signatures, the directory and the end records. Throws BUNDLE for a lock that no
  // reader would take.
  struct End {
    std::string digest;
    uint64_t size;  // of the file
  };
  End finish(const Lock &, const std::string &signatures = {});
  // From any thread: what is being written ends soon, with CANCELLED.
  void stop() { stopped_ = true; }

 private:
  void write(std::string_view);
  void write_at(uint64_t offset, std::string_view);
  void record(const std::string &name, uint64_t size, uint32_t crc, uint64_t header);

  const int fd_;
  const std::string &name_;
  std::atomic<bool> stopped_{false};
  uint64_t position_ = 0;
  uint64_t flushed_ = 0;  // the system was asked to write out what lies before
  uint64_t count_ = 0;
  std::string directory_;
};

// The file or folder that links lead to; BUNDLE where there is none, in the words of opening it.
std::filesystem::path real_bundle(const std::filesystem::path &path);
// A .mb file for who will replace it: holds the lock on the file that is at `path` now, not on one that another writer
// has replaced meanwhile.
UniqueFd open_locked(const std::filesystem::path &);

// The bytes of a content, which lives longer; not of Kept. Throws MISSING or IO for a file.
std::shared_ptr<const Source> content_source(const Content &);

// Throws BUNDLE for names that no bundle can hold: not portable, equal but for case, of the container's own entries.
void check_names(const Contents &);

struct Written {
  Lock lock;
  std::string digest;
  uint64_t size = 0;  // of the file
};
// A first revision, or any whose history is among the contents. Everything of `lock` but its entries is the caller's.
// `prove` sees the whole file before it has its name; what it throws leaves what was there.
Written write_bundle(const std::filesystem::path &, const Contents &, Lock lock,
                     const std::function<void(int fd)> &prove = {});

}  // namespace mrun
