#include "base/file.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "base/draft.h"
#include "base/text.h"

namespace mrun {
namespace {

constexpr size_t io_step = size_t{1} << 30;       // Linux moves at most 2 GiB - 4 KiB a call
constexpr size_t stream_limit = size_t{1} << 30;  // what a pipe or terminal may give: it has no size of its own
constexpr int writer_wait = 2000;                 // milliseconds

std::string reason(int error) { return std::generic_category().message(error); }

struct stat status_of(int fd, std::string_view name) {
  struct stat status = {};
  if (::fstat(fd, &status) != 0) fail_errno(errno, name, "read its status");
  return status;
}

size_t regular_size(int fd, std::string_view name, mrun_code code) {
  const struct stat status = status_of(fd, name);
  if (S_ISDIR(status.st_mode)) fail(code, "{}: is a folder; a file is wanted", printable(name));
  if (!S_ISREG(status.st_mode)) {
    fail(code, "{}: is not a regular file, so it cannot be mapped; copy it to a file first", printable(name));
  }
  return static_cast<size_t>(status.st_size);
}

// A named pipe without a writer gets one within seconds, or nobody writes. fd does not block.
void want_writer(int fd, const std::string &name, mrun_code code) {
  pollfd waiting{fd, POLLIN, 0};
  char byte;
  if (::poll(&waiting, 1, writer_wait) == 0 && ::read(fd, &byte, 1) >= 0) {  // EAGAIN: there is a writer, who is slow
    fail(code, "{}: is a pipe that nobody writes to; a file is wanted", name);
  }
}

// What would be waited for or read for ever is refused. fd does not block, and does afterwards.
void want_an_end(int fd, const std::string &name, mrun_code code) {
  const mode_t mode = status_of(fd, name).st_mode;
  if (S_ISDIR(mode)) fail(code, "{}: is a folder; a file is wanted", name);
  if (S_ISBLK(mode) || (S_ISCHR(mode) && ::isatty(fd) != 1)) fail(code, "{}: is a device; a file is wanted", name);
  if (S_ISFIFO(mode)) want_writer(fd, name, code);
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) != 0) fail_errno(errno, name, "open");
}

// Where a mapping of no bytes points: a valid address that nobody reads.
void *nothing() {
  alignas(64) static char byte[64];
  return byte;
}

}  // namespace

void UniqueFd::reset(int fd) {
  const int old = std::exchange(fd_, fd);
  if (old >= 0) ::close(old);
}

void fail_errno(int error, std::string_view path, std::string_view action) {
  fail(error == ENOMEM ? MRUN_MEMORY : MRUN_IO, "{}: cannot {}: {}", printable(path), action, reason(error));
}

UniqueFd open_file(const std::filesystem::path &path, mrun_code missing) {
  const std::string name = printable(path.native());
  if (path.native().find('\0') != std::string::npos) fail(missing, "{}: a path cannot hold a zero byte", name);
  int fd;
  do fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);  // a pipe opens without a writer
  while (fd < 0 && errno == EINTR);
  UniqueFd file(fd);
  if (!file) {
    const int error = errno;
    if (path.empty()) fail(missing, "the path is empty; a file is wanted");
    if (error == ENOENT) fail(missing, "{}: no such file", name);
    if (error == ENOTDIR) fail(missing, "{}: no such file: a part of the path is not a folder", name);
    if (error == ENAMETOOLONG || error == ELOOP) fail(missing, "{}: {}", name, reason(error));
    fail_errno(error, path.native(), "open");
  }
  want_an_end(file.get(), name, missing);
  return file;
}

std::string read_all(int fd, std::string_view name, size_t limit) {
  const struct stat status = status_of(fd, name);
  const bool regular = S_ISREG(status.st_mode);
  const size_t expected = regular ? static_cast<size_t>(status.st_size) : 0;
  if (!regular) limit = std::min(limit, stream_limit);
  std::string data;
  size_t used = 0;
  // One byte more than expected, so that the end is seen without growing; the size is only a hint, a file may grow meanwhile.
  data.resize(std::min(expected, limit) + 1);
  for (;;) {
    const ssize_t n = ::read(fd, data.data() + used, std::min(data.size() - used, io_step));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_errno(errno, name, "read");
    if (n == 0) break;
    used += static_cast<size_t>(n);
    if (used > limit) fail(MRUN_INPUT, "{}: larger than the {} bytes allowed", printable(name), limit);
    if (used == data.size()) data.resize(std::max<size_t>(data.size() * 2, 4096));
  }
  data.resize(used);
  return data;
}

std::string read_file(const std::filesystem::path &path, mrun_code missing, size_t limit) {
  return read_all(open_file(path, missing).get(), path.native(), limit);
}

std::shared_ptr<const FileMap> FileMap::open(const std::filesystem::path &path, mrun_code missing, Mode mode) {
  const UniqueFd fd = open_file(path, missing);
  return range(fd.get(), path.native(), 0, regular_size(fd.get(), path.native(), missing), mode);
}

std::shared_ptr<const FileMap> FileMap::of(int fd, std::string_view name, Mode mode) {
  return range(fd, name, 0, regular_size(fd, name, MRUN_INPUT), mode);
}

std::shared_ptr<const FileMap> FileMap::range(int fd, std::string_view name, uint64_t offset, size_t size, Mode mode) {
  const size_t total = regular_size(fd, name, MRUN_INPUT);
  if (offset % 4096 != 0 || offset > total || size > total - offset) {
    fail(MRUN_INTERNAL, "{}: cannot map {} bytes at {} of {}", printable(name), size, offset, total);
  }
  void *data = nothing();
  if (size > 0) {
    const int access = mode == Mode::read_only ? PROT_READ : PROT_READ | PROT_WRITE;
    // No reservation of swap: a private mapping of weights is hardly ever written to.
    const int flags = MAP_PRIVATE | MAP_NORESERVE;
    data = ::mmap(nullptr, size, access, flags, fd, static_cast<off_t>(offset));
    if (data == MAP_FAILED) fail_errno(errno, name, "map");
  }
  return std::shared_ptr<const FileMap>(new FileMap(data, size));
}

FileMap::~FileMap() {
  if (size_ > 0) ::munmap(data_, size_);
}

void write_all(int fd, std::string_view data, std::string_view name) {
  while (!data.empty()) {
    const ssize_t n = ::write(fd, data.data(), std::min(data.size(), io_step));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_errno(errno, name, "write");
    data.remove_prefix(static_cast<size_t>(n));
  }
}

void write_file_atomic(const std::filesystem::path &path, const std::function<void(int fd)> &write) {
  if (path.filename().empty()) fail(MRUN_IO, "'{}': is not a file's path", printable(path.native()));
  std::error_code error;
  std::filesystem::path target = path;
  if (std::filesystem::is_symlink(path, error)) {
    target = std::filesystem::canonical(path, error);
    if (error) fail_errno(error.value(), path.native(), "follow the link");
  }
  struct stat old = {};
  const bool exists = ::stat(target.c_str(), &old) == 0;
  if (exists && S_ISDIR(old.st_mode)) fail(MRUN_IO, "{}: is a folder; a file is wanted", printable(path.native()));
  if (exists && !S_ISREG(old.st_mode)) fail(MRUN_IO, "{}: is not a regular file", printable(path.native()));
  FileDraft draft(target);
  write(draft.fd());
  draft.commit();
}

void write_file_atomic(const std::filesystem::path &path, std::string_view data) {
  write_file_atomic(path, [&](int fd) { write_all(fd, data, path.native()); });
}

}  // namespace mrun
