#include "bundle/source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/hash.h"
#include "base/text.h"

namespace mrun {
namespace {

constexpr size_t page = 4096;
constexpr size_t chunk = size_t{64} << 10;  // larger ones leave the nearest caches

// Reads by offset, without a position of its own: any number of threads at once.
class FileSource : public Source {
 public:
  FileSource(UniqueFd fd, std::string name, uint64_t size) : Source(std::move(name), size), fd_(std::move(fd)) {}

  void read(uint64_t offset, char *out, size_t n) const override {
    while (n > 0) {
      const ssize_t got = ::pread(fd_.get(), out, std::min(n, size_t{1} << 30), static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) fail_errno(errno, name(), "read");
      if (got == 0) fail(MRUN_BUNDLE, "{}: became shorter while it was read", printable(name()));
      out += got;
      offset += static_cast<uint64_t>(got);
      n -= static_cast<size_t>(got);
    }
  }

  Tensor map(uint64_t offset, size_t n, bool writable) const override {
    const auto mode = writable ? FileMap::Mode::private_writable : FileMap::Mode::read_only;
    const size_t before = offset % page;
    auto mapping = FileMap::range(fd_.get(), name(), offset - before, before + n, mode);
    char *data = static_cast<char *>(mapping->data()) + before;
    return Tensor::over(data, dtype::uint8, {static_cast<int64_t>(n)}, std::move(mapping), !writable);
  }

  void forget(uint64_t offset, uint64_t n) const override {
    ::posix_fadvise(fd_.get(), static_cast<off_t>(offset), static_cast<off_t>(n), POSIX_FADV_DONTNEED);
  }

  int fd() const override { return fd_.get(); }

 private:
  const UniqueFd fd_;
};

class MemorySource : public Source {
 public:
  MemorySource(const char *data, size_t size, std::shared_ptr<const void> keep)
      : Source("bundle in memory", size), data_(data), keep_(std::move(keep)) {}

  void read(uint64_t offset, char *out, size_t n) const override {
    if (n > 0) std::memcpy(out, data_ + offset, n);
  }

  Tensor map(uint64_t offset, size_t n, bool writable) const override {
    const Shape shape{static_cast<int64_t>(n)};
    if (!writable) return Tensor::over(const_cast<char *>(data_) + offset, dtype::uint8, shape, keep_, true);
    Tensor copy = Tensor::empty(dtype::uint8, shape);
    read(offset, copy.data<char>(), n);
    return copy;
  }

 private:
  const char *const data_;
  const std::shared_ptr<const void> keep_;
};

}  // namespace

std::string Source::read(uint64_t offset, size_t n) const {
  std::string bytes(n, '\0');
  read(offset, bytes.data(), n);
  return bytes;
}

PageBuffer::PageBuffer(size_t size)
    : data_(static_cast<char *>(std::aligned_alloc(page, size / page * page + page)), std::free) {
  if (!data_) fail(MRUN_MEMORY, "no memory for {} bytes of a file", size);
}

std::shared_ptr<const Source> file_source(UniqueFd fd, std::string name) {
  struct stat status = {};
  if (::fstat(fd.get(), &status) != 0) fail_errno(errno, name, "read its status");
  if (!S_ISREG(status.st_mode)) fail(MRUN_BUNDLE, "{}: is not a regular file; want a .mb file", printable(name));
  return std::make_shared<FileSource>(std::move(fd), std::move(name), static_cast<uint64_t>(status.st_size));
}

std::shared_ptr<const Source> memory_source(const void *data, size_t size, std::function<void()> release) {
  std::shared_ptr<const void> keep(data, [release = std::move(release)](const void *) {
    if (release) release();
  });
  return std::make_shared<MemorySource>(static_cast<const char *>(data), size, std::move(keep));
}

std::string sha256_of(const Source &source) {
  Sha256 hash;
  for_chunks(source, 0, source.size(), [&](std::string_view bytes) { hash.update(bytes); });
  return hash.hex();
}

void for_chunks(const Source &source, uint64_t offset, uint64_t n, const std::function<void(std::string_view)> &use) {
  const PageBuffer buffer(static_cast<size_t>(std::min<uint64_t>(n, chunk)));
  while (n > 0) {
    const auto size = static_cast<size_t>(std::min<uint64_t>(n, chunk));
    source.read(offset, buffer.data(), size);
    use(buffer.bytes(size));
    offset += size;
    n -= size;
  }
}

}  // namespace mrun
