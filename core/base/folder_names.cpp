#include "base/folder_names.h"

#include <dirent.h>

#include <cerrno>
#include <memory>
#include <new>
#include <string_view>

#include "base/file.h"

namespace mrun {

std::vector<std::string> folder_names(const std::filesystem::path &path, std::error_code &error) {
  struct Close {
    void operator()(DIR *folder) const { ::closedir(folder); }
  };
  std::vector<std::string> names;
  const std::unique_ptr<DIR, Close> folder(::opendir(path.c_str()));
  if (folder == nullptr && errno == ENOMEM) throw std::bad_alloc();
  error.assign(folder == nullptr ? errno : 0, std::generic_category());
  while (!error) {
    errno = 0;  // readdir tells an error from the end by it alone
    const dirent *const entry = ::readdir(folder.get());
    error.assign(errno, std::generic_category());
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  return names;
}

std::vector<std::string> folder_names(const std::filesystem::path &path) {
  std::error_code error;
  std::vector<std::string> names = folder_names(path, error);
  if (error) fail_errno(error.value(), path.native(), "list");
  return names;
}

}  // namespace mrun
