#include "files.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/text.h"
#include "interrupt.h"
#include "meta.h"
#include "report.h"
#include "view.h"

namespace command {
namespace fs = std::filesystem;

BundleName split_revision(const std::string &name) {
  const size_t at = name.rfind('@');
  std::error_code error;  // a name too long for the system is for opening to refuse
  if (at == std::string::npos || at == 0 || fs::exists(name, error)) return {name, ""};
  if (at + 1 == name.size()) throw mrun::failure(MRUN_USAGE, name + ": want a revision after @, as model.mb@2");
  return {name.substr(0, at), name.substr(at + 1)};
}

void Trust::add_to(CommandLine &app) {
  app.add_option("--key", key, "a public key; the bundle must be signed with its private one").type_name("FILE");
  app.add_option("--trust", folder, "a folder of public keys; the bundle must be signed by one of them")
      .type_name("DIR");
}

bool looks_like_bundle(const std::string &path) {
  std::error_code unknown;
  return (path.ends_with(".mb") && fs::exists(path, unknown)) || fs::exists(path + "/bundle.toml", unknown);
}

std::string bundle_nearby(const std::string &path, Nearby kind) {
  std::error_code error;
  if (path.empty() || fs::exists(path, error)) return "";
  const fs::path given(path.ends_with('/') ? path.substr(0, path.size() - 1) : path),
      folder = given.has_parent_path() ? given.parent_path() : ".";
  std::vector<std::string> names;
  fs::directory_iterator entry(folder, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    if (!looks_like_bundle(entry->path().native())) continue;
    if (kind == Nearby::folders && !entry->is_directory(error)) continue;
    const std::string name = entry->path().filename().native(), other = given.filename().native();
    if (name == other + ".mb" || name + ".mb" == other) return "; did you mean '" + mrun::printable(name) + "'?";
    names.push_back(name);
  }
  return mrun::did_you_mean(given.filename().native(), names);
}

namespace {

// Not the status of a failing item, or of an output that cannot be written.
int refusal(int code) { return code == MRUN_INPUT || code == MRUN_IO ? int(MRUN_BUNDLE) : code; }

}  // namespace

mrun::bundle open_bundle(const std::string &name, const Trust &trust) {
  const BundleName parts = split_revision(name);
  mrun_open_options options;
  MRUN_INIT(options);
  options.revision = parts.revision.empty() ? nullptr : parts.revision.c_str();
  if (!trust.key.empty() && !trust.folder.empty()) {
    throw mrun::failure(MRUN_USAGE, "--key and --trust: want one of them");
  }
  const std::string &keys = trust.key.empty() ? trust.folder : trust.key;
  options.trusted_keys = keys.empty() ? nullptr : keys.c_str();
  if (trust.require && keys.empty()) {
    throw mrun::failure(MRUN_USAGE, "--require-signature: whose? want --key FILE or --trust DIR");
  }
  try {
    return mrun::bundle(parts.path.c_str(), &options);
  } catch (const mrun::failure &e) {
    throw mrun::failure(refusal(e.code), e.what() + bundle_nearby(parts.path), e.detail);
  }
}

mrun::engine start(const mrun::bundle &bundle, const mrun_options *options) {
  try {
    return mrun::engine(bundle, options);
  } catch (const mrun::failure &e) { throw mrun::failure(refusal(e.code), e.what(), e.detail); }
}

bool same_file(const std::string &a, const std::string &b) {
  std::error_code unknown;
  return !a.empty() && !b.empty() && fs::equivalent(a, b, unknown) && !unknown;
}

std::string target_of(const std::string &path) {
  constexpr int most_links = 40;  // as the system follows
  std::error_code none;
  fs::path at = path;
  for (int links = 0; fs::is_symlink(at, none); ++links) {
    if (links == most_links) throw mrun::failure(MRUN_IO, at.native() + ": cannot write: it is a link to itself");
    at = at.parent_path() / fs::read_symlink(at, none);
  }
  return at.native();
}

void want_named(const char *option, const std::string &path) {
  if (path != "-") return;
  throw mrun::failure(MRUN_USAGE,
                      std::string(option) + " -: want a file; /dev/stdout is standard output, ./- a file named -");
}

void want_apart(const char *option, const std::string &output, const std::string &bundle) {
  if (!same_file(output, split_revision(bundle).path)) return;
  throw mrun::failure(MRUN_USAGE, std::string(option) + " " + output + ": is the bundle itself; give another file");
}

namespace {

// As read(2), but waits where the descriptor does not, and ends with EINTR once an interrupt was asked for.
ssize_t read_some(int fd, char *buffer, size_t size) {
  for (;;) {
    pollfd wait[] = {{fd, POLLIN, 0}, {interrupt_fd(), POLLIN, 0}};
    ::poll(wait, 2, -1);
    const ssize_t n = interrupt_asked() ? -1 : ::read(fd, buffer, size);
    if (interrupt_asked()) errno = EINTR;
    if (n >= 0 || (errno != EINTR && errno != EAGAIN) || interrupt_asked()) return n;
  }
}

}  // namespace

std::string folder_digest(const mrun::bundle &bundle, const std::string &path) {
  constexpr double large = 1 << 20;
  const mrun::variant parsed = mrun::from_json(bundle.inspect("entries"));
  const View entries{&parsed.c()};
  std::string all;
  for (size_t i = 0; i < entries.size(); ++i) {
    const std::string name = entries[i].at("path").text(), file = (fs::path(path) / name).native();
    std::error_code unknown;
    const bool hashed = entries[i].at("size").number() <= large;
    all += name + ' ' + entries[i].at("size").json() + ' ' +
           (hashed ? sha256(read_file(file))
                   : std::to_string(fs::last_write_time(file, unknown).time_since_epoch().count())) +
           '\n';
  }
  return sha256(all);
}

bool is_terminal(int fd) { return isatty(fd) == 1; }

std::string read_file(const std::string &path) {
  constexpr size_t most = size_t{1} << 30;  // of what has no size of its own
  if (path.empty()) throw mrun::failure(MRUN_INPUT, "the path is empty; a file is wanted");
  const int fd = path == "-" ? STDIN_FILENO : open_unless_interrupted(path, O_RDONLY);
  if (fd < 0 && errno == EINTR) throw mrun::failure(MRUN_CANCELLED, path + ": interrupted while it was opened");
  if (fd < 0) throw mrun::failure(MRUN_INPUT, path + ": " + std::strerror(errno));
  struct stat status {};
  const bool bounded = fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
  std::string text;
  char buffer[1 << 16];
  ssize_t n = 0;
  while ((n = read_some(fd, buffer, sizeof buffer)) > 0 && (bounded || text.size() <= most)) {
    text.append(buffer, static_cast<size_t>(n));
  }
  const int error = errno;
  if (fd != STDIN_FILENO) close(fd);
  if (n < 0) throw mrun::failure(MRUN_INPUT, path + ": " + std::strerror(error));
  if (n > 0) throw mrun::failure(MRUN_INPUT, path + ": gives more than 1 GiB; a file is wanted");
  return text;
}

std::vector<std::string> walk(const std::string &folder) {
  std::vector<std::string> files;
  std::vector<fs::path> folders{folder};
  while (!folders.empty()) {
    const fs::path at = std::move(folders.back());
    folders.pop_back();
    std::error_code error;
    fs::directory_iterator entry(at, error);
    for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
      if (entry->path().filename().native().starts_with('.')) continue;
      std::error_code unknown;
      const bool is_folder = entry->is_directory(unknown), is_link = entry->is_symlink(unknown);
      if (is_folder && is_link) {
        warn(printable(entry->path().native()) + ": is a link to a folder, not followed");
      } else if (is_folder) {
        folders.push_back(entry->path());
      } else {
        files.push_back(entry->path().native());
      }
    }
    if (error) files.push_back(at.native());
  }
  if (files.empty()) {
    warn(printable(folder) +
         ": is a folder without a file (those whose names begin with a dot do not count): no input");
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace command
