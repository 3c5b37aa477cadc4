#include "isolate/shared_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/apart.h"
#include "base/sealed_file.h"
#include "value/wire.h"

namespace mrun {
namespace {

// Of one write: the system takes less than 2 GiB at once.
constexpr size_t piece = size_t{1} << 30;

void write_at(int fd, std::string_view bytes, size_t offset) {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(fd, bytes.data(), std::min(bytes.size(), piece), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) fail(MRUN_MEMORY, "no memory for {} bytes between two processes: {}", bytes.size(), strerror(errno));
    bytes.remove_prefix(static_cast<size_t>(n));
    offset += static_cast<size_t>(n);
  }
}

template <class Use>
void for_places(const std::vector<Tensor> &tensors, Use &&use) {
  size_t at = 0;
  for (const Tensor &t : tensors) {
    at = WireWriter::aligned(at);
    use(t.bytes(), at);
    at += t.nbytes();
  }
}

}  // namespace

UniqueFd make_shared_memory(size_t size) {
  if (const uint64_t most = largest_file(); size > most) {
    fail(MRUN_MEMORY,
         "no memory for {} bytes between two processes: the system allows this one files of {} (ulimit -f)", size,
         most);
  }
  // Of one size from the beginning: no end that has it mapped can be made to fault by the other.
  UniqueFd fd = apart(UniqueFd(::memfd_create("mrun", MFD_CLOEXEC | MFD_ALLOW_SEALING)));
  if (!fd || ::ftruncate(fd.get(), static_cast<off_t>(size)) != 0 ||
      ::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) != 0) {
    fail(MRUN_MEMORY, "no memory for {} bytes between two processes: {}", size, strerror(errno));
  }
  return fd;
}

// Mapped only while it is filled: what is mapped for writing anywhere cannot be sealed, and that would be PROTOCOL.
void put_tensors(int fd, const std::vector<Tensor> &tensors, size_t size) {
  void *const memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED)
    fail(MRUN_MEMORY, "no memory for {} bytes between two processes: {}", size, strerror(errno));
  for_places(tensors, [&](std::string_view bytes, size_t at) {
    std::memcpy(static_cast<char *>(memory) + at, bytes.data(), bytes.size());
  });
  ::munmap(memory, size);
}

UniqueFd share(const std::vector<Tensor> &tensors, size_t size) {
  UniqueFd fd = make_shared_memory(size);
  for_places(tensors, [&](std::string_view bytes, size_t at) { write_at(fd.get(), bytes, at); });
  seal(fd.get(), "this process");
  return fd;
}

void seal(int fd, const std::string &sender) {
  if (::fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SEAL) != 0) {
    fail(MRUN_PROTOCOL, "{}: shared memory cannot be closed to writers: {}", sender, strerror(errno));
  }
}

Tensor map_shared_memory(int fd, size_t size, const std::string &sender) {
  struct stat status = {};
  const int seals = ::fcntl(fd, F_GET_SEALS);
  // Else the sender could change what has been checked, or cut it off below who reads.
  constexpr int wanted = F_SEAL_SHRINK | F_SEAL_WRITE;
  if (seals < 0 || (seals & wanted) != wanted) fail(MRUN_PROTOCOL, "{}: shared memory is not sealed", sender);
  if (::fstat(fd, &status) != 0 || static_cast<uint64_t>(status.st_size) < size) {
    fail(MRUN_PROTOCOL, "{}: shared memory of {} bytes where {} are wanted", sender, status.st_size, size);
  }
  auto mapping = FileMap::range(fd, sender, 0, size, FileMap::Mode::private_writable);
  void *data = mapping->data();
  return Tensor::over(data, dtype::uint8, {static_cast<int64_t>(size)}, std::move(mapping), false);
}

}  // namespace mrun
