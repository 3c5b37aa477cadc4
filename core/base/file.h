// Files: descriptors that close themselves, whole files, mappings, and writing that never leaves half a file.
//
// Errors carry the path and the system's words. What is not there, or is a folder or a device where a file is wanted,
// gets the caller's code (an input's MRUN_INPUT, an asset's MRUN_MISSING); everything else the system refuses is
// MRUN_IO.
#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"

namespace mrun {

// Owns a descriptor; -1: none. What closing fails with is not told: who writes syncs first (base/draft).
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd &&other) noexcept : fd_(other.release()) {}
  UniqueFd &operator=(UniqueFd &&other) noexcept {
    if (this != &other) reset(other.release());
    return *this;
  }
  ~UniqueFd() { reset(); }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }
  void reset(int fd = -1);
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// Throws MRUN_IO: "PATH: cannot DO: No space left on device"; MRUN_MEMORY where the system had none.
[[noreturn]] void fail_errno(int error, std::string_view path, std::string_view action);

// For reading, close-on-exec. A folder is refused, a device that is no terminal, and a named pipe that gets no writer
// within seconds.
UniqueFd open_file(const std::filesystem::path &, mrun_code missing = MRUN_INPUT);
// All of it: a regular file, a pipe or a terminal. More than `limit` bytes, or 1 GiB of what has no size, are an error.
std::string read_file(const std::filesystem::path &, mrun_code missing = MRUN_INPUT, size_t limit = SIZE_MAX);
// From the descriptor's position to the end; `name` is for messages.
std::string read_all(int fd, std::string_view name, size_t limit = SIZE_MAX);

// A mapped regular file or a range of one. Immutable object, any thread. The file must not shrink while it is mapped
// (reading past its new end is SIGBUS), so files are replaced by renaming, never written into.
class FileMap {
 public:
  enum class Mode {
    read_only,
    private_writable  // a write costs a page, is seen through this mapping alone, and never reaches the file
  };
  static std::shared_ptr<const FileMap> open(const std::filesystem::path &, mrun_code missing = MRUN_INPUT,
                                             Mode = Mode::read_only);
  // The descriptor stays the caller's and may be closed at once.
  static std::shared_ptr<const FileMap> of(int fd, std::string_view name, Mode = Mode::read_only);
  // size bytes from offset, a multiple of 4096. Both must lie inside the file.
  static std::shared_ptr<const FileMap> range(int fd, std::string_view name, uint64_t offset, size_t size, Mode);
  ~FileMap();
  FileMap(const FileMap &) = delete;
  FileMap &operator=(const FileMap &) = delete;

  void *data() const { return data_; }  // writable only in a private_writable mapping; never null
  size_t size() const { return size_; }
  std::string_view bytes() const { return {static_cast<const char *>(data_), size_}; }

 private:
  FileMap(void *data, size_t size) : data_(data), size_(size) {}
  void *data_;
  size_t size_;
};

// Writes everything, or throws MRUN_IO.
void write_all(int fd, std::string_view data, std::string_view name);

// Writes `.NAME.tmp-PID` in the target's folder, syncs it, renames it over the target and syncs the folder; on a
// failure before the renaming, an exception of `write` included, nothing is left and the old file stays. An old file's
// mode is kept; a symbolic link stays one, and the file it points to is replaced.
void write_file_atomic(const std::filesystem::path &, const std::function<void(int fd)> &write);
void write_file_atomic(const std::filesystem::path &, std::string_view data);

}  // namespace mrun
