#include "bundle/unpack.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "base/file.h"
#include "base/hash.h"
#include "base/text.h"

namespace mrun {
namespace fs = std::filesystem;
namespace {

// A folder beside the target; removed unless it was put in the target's place.
class TemporaryFolder {
 public:
  explicit TemporaryFolder(const fs::path &target) : target_(target) {
    const std::string stem = fmt::format(".{}.tmp-{}", target.filename().native().substr(0, 200), ::getpid());
    for (int attempt = 0; attempt < 1000; ++attempt) {
      path_ = target.parent_path() / (attempt == 0 ? stem : fmt::format("{}-{}", stem, attempt));
      std::error_code error;
      if (fs::create_directory(path_, error)) return;
      if (error) fail_errno(error.value(), target.native(), "make a folder beside it");
    }
    fail(MRUN_IO, "{}: cannot make a folder beside it: many are left over", printable(target.native()));
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder &) = delete;
  TemporaryFolder &operator=(const TemporaryFolder &) = delete;
  const fs::path &path() const { return path_; }

  // Renaming over an empty folder is allowed, over anything else the system refuses.
  void commit() {
    std::error_code error;
    fs::rename(path_, target_, error);
    if (error) fail_errno(error.value(), target_.native(), "put the folder in its place");
    path_.clear();
  }

 private:
  const fs::path target_;
  fs::path path_;
};

void write_entry(const fs::path &path, std::string_view bytes) {
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  if (error) fail_errno(error.value(), path.native(), "make its folder");
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666));
  if (!fd) fail_errno(errno, path.native(), "write");
  write_all(fd.get(), bytes, path.native());
}

fs::path absolute_target(const fs::path &folder) {
  fs::path target = fs::absolute(folder).lexically_normal();
  if (!target.has_filename()) target = target.parent_path();  // "out/"
  std::error_code error;
  if (fs::symlink_status(target, error).type() != fs::file_type::not_found &&
      !(fs::is_directory(target, error) && fs::is_empty(target, error))) {
    fail(MRUN_IO, "{}: is there already; a new or empty folder is wanted", printable(folder.native()));
  }
  return target;
}

}  // namespace

void unpack(const Bundle &bundle, const fs::path &folder) {
  const fs::path target = absolute_target(folder);
  TemporaryFolder temporary(target);
  for (const EntryInfo &e : bundle.entries()) {
    const Tensor bytes = bundle.read(e.path);
    if (!e.sha256.empty() && sha256_hex(bytes.bytes()) != e.sha256) {
      fail(MRUN_VERIFY, "{}: {} is damaged or was changed: its SHA-256 is not the one in bundle.lock",
           printable(bundle.origin()), e.path);
    }
    write_entry(temporary.path() / e.path, bytes.bytes());
  }
  temporary.commit();
}

}  // namespace mrun
