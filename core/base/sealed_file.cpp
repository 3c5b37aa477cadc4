#include "base/sealed_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>

#include "base/apart.h"
#include "base/mutex.h"

namespace mrun {

uint64_t largest_file() {
  rlimit limit{};
  return ::getrlimit(RLIMIT_FSIZE, &limit) == 0 ? limit.rlim_cur : 0;
}

namespace {

constexpr size_t most_sent = size_t{1} << 30;

// All that there are, by where they lie.
struct Known {
  Mutex mutex;
  std::map<const void *, std::pair<size_t, int>> files GUARDED_BY(mutex);  // size, descriptor
};

Known &known() {
  static auto *const all = new Known;  // for good: values may go after everything else
  return *all;
}

bool is_worth_it(int fd) {
  struct stat status = {};
  if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) return false;
  const auto size = static_cast<uint64_t>(status.st_size);
  if (size < SealedFile::least || size + size / 2 > largest_file()) return false;  // it may grow while it is copied
  Known &all = known();
  const ExclusiveLock lock(all.mutex);
  return all.files.size() < static_cast<size_t>(SealedFile::most);
}

// The whole file, as long as it is while it is read; false where the system does not copy these.
bool copy(int from, int to, std::string_view name) {
  for (off_t at = 0;;) {
    const ssize_t n = ::sendfile(to, from, &at, most_sent);
    if (n == 0) return true;
    if (n > 0 || errno == EINTR) continue;
    if (errno == EIO) fail_errno(errno, name, "read");
    return false;
  }
}

}  // namespace

SealedFile::SealedFile(UniqueFd fd, std::shared_ptr<const FileMap> map) : fd_(std::move(fd)), map_(std::move(map)) {
  Known &all = known();
  const ExclusiveLock lock(all.mutex);
  all.files.emplace(data(), std::pair(size(), fd_.get()));
}

SealedFile::~SealedFile() {
  Known &all = known();
  const ExclusiveLock lock(all.mutex);
  all.files.erase(data());
}

std::shared_ptr<const SealedFile> SealedFile::read(int fd, std::string_view name) {
  if (!is_worth_it(fd)) return nullptr;
  UniqueFd memory = apart(UniqueFd(::memfd_create("mrun", MFD_CLOEXEC | MFD_ALLOW_SEALING)));
  if (!memory || !copy(fd, memory.get(), name)) return nullptr;
  constexpr int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
  if (::fcntl(memory.get(), F_ADD_SEALS, seals) != 0) return nullptr;
  auto map = FileMap::of(memory.get(), name, FileMap::Mode::private_writable);
  if (map->size() < least) return nullptr;
  return std::shared_ptr<const SealedFile>(new SealedFile(std::move(memory), std::move(map)));
}

int SealedFile::descriptor_of(std::string_view bytes) {
  Known &all = known();
  const ExclusiveLock lock(all.mutex);
  const auto at = all.files.find(bytes.data());
  return at == all.files.end() || at->second.first != bytes.size() ? -1 : at->second.second;
}

}  // namespace mrun
