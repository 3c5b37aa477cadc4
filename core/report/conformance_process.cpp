#include "report/conformance_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <clocale>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <thread>

#include "plugin/call.h"

namespace mrun {
namespace {

namespace fs = std::filesystem;

constexpr int copies_from = 100;  // numbers that a plugin does not think of
constexpr auto patience = std::chrono::milliseconds(500);
constexpr auto pause = std::chrono::milliseconds(5);

OpenFiles open_files() {
  OpenFiles files;
  std::error_code error;
  for (fs::directory_iterator at("/proc/self/fd", error), end; !error && at != end; at.increment(error)) {
    files.emplace(std::atoi(at->path().filename().c_str()), std::pair<dev_t, ino_t>{});
  }
  for (auto at = files.begin(); at != files.end();) {
    struct stat s {};
    const bool open = fstat(at->first, &s) == 0;  // but for the one that listed them
    if (open) at->second = {s.st_dev, s.st_ino};
    at = open ? std::next(at) : files.erase(at);
  }
  return files;
}

size_t count_of(const char *folder) {
  std::error_code error;
  const fs::directory_iterator all(folder, error);
  return error ? 0 : static_cast<size_t>(std::distance(begin(all), end(all)));
}

std::string current_folder() {
  std::error_code error;
  return fs::current_path(error).native();
}

mode_t current_umask() {
  const mode_t mask = umask(0);
  umask(mask);
  return mask;
}

template <class T>
std::string raw_bytes(const T &plain) {
  return {reinterpret_cast<const char *>(&plain), sizeof plain};
}

template <class T>
T plain_of(const std::string &bytes) {
  T plain;
  std::memcpy(&plain, bytes.data(), sizeof plain);
  return plain;
}

sigset_t blocked_signals() {
  sigset_t set{};
  pthread_sigmask(SIG_BLOCK, nullptr, &set);
  return set;
}

// The system fills in less than the whole struct. Of what was set once, be it as it was, the C library notes how it returns.
std::string action_text(const struct sigaction &action) {
  constexpr int restorer = 0x04000000;
  std::string text =
      fmt::format("{:x} {:x}", reinterpret_cast<uintptr_t>(action.sa_handler), action.sa_flags & ~restorer);
  for (int number = 1; number < NSIG; ++number) text += sigismember(&action.sa_mask, number) == 1 ? '1' : '0';
  return text;
}

constexpr const char *folder = "the working directory", *mask = "the umask", *locale = "the locale",
                     *thread_locale = "the thread's locale", *blocked = "the thread's signal mask",
                     *float_mode = "the thread's floating-point mode", *variable = "the environment variable ";

std::string name_of_signal(int number) { return fmt::format("what signal {} does", number); }

}  // namespace

LentFiles::LentFiles() : files_(open_files()) {
  for (const auto &[fd, file] : files_) copies_.emplace(fd, UniqueFd(fcntl(fd, F_DUPFD_CLOEXEC, copies_from)));
}

std::vector<std::string> LentFiles::mend() {
  std::vector<std::string> found;
  const OpenFiles now = open_files();
  for (auto &[fd, file] : files_) {
    const auto at = now.find(fd);
    if (at != now.end() && at->second == file) continue;
    const bool replaced = at != now.end();
    found.push_back(replaced ? fmt::format("puts another file in the place of file descriptor {}", fd)
                             : fmt::format("closes file descriptor {}, which is not its own", fd));
    if (copies_[fd]) dup2(copies_[fd].get(), fd);
    struct stat s {};
    if (fstat(fd, &s) == 0) file = {s.st_dev, s.st_ino};  // so that nobody else is blamed
  }
  return found;
}

ProcessState::ProcessState() {
  for (char **at = environ; at != nullptr && *at != nullptr; ++at) {
    const std::string_view text = *at;
    const size_t end = std::min(text.find('='), text.size());
    facts_[fmt::format("{}{}", variable, text.substr(0, end))] = text.substr(std::min(end + 1, text.size()));
  }
  facts_[folder] = current_folder();
  facts_[mask] = raw_bytes(current_umask());
  facts_[locale] = setlocale(LC_ALL, nullptr);
  facts_[thread_locale] = raw_bytes(uselocale(nullptr));
  facts_[blocked] = raw_bytes(blocked_signals());
  facts_[float_mode] = std::to_string(float_modes_left());
  for (int number = 1; number < NSIG; ++number) {
    struct sigaction action {};
    if (sigaction(number, nullptr, &action) != 0) continue;
    actions_[number] = action;
    facts_[name_of_signal(number)] = action_text(action);
  }
}

std::vector<std::string> ProcessState::mend() const {
  std::vector<std::string> found;
  const ProcessState now;
  for (const auto &[name, before] : facts_) {
    const auto at = now.facts_.find(name);
    if (at == now.facts_.end() || at->second != before) found.push_back("changes " + name);
  }
  for (const auto &[name, value] : now.facts_) {
    if (facts_.count(name) == 0) found.push_back("sets " + name);
  }
  if (!found.empty()) put_back(now);
  return found;
}

void ProcessState::put_back(const ProcessState &now) const {
  const size_t prefix = std::strlen(variable);
  for (const auto &[name, value] : now.facts_) {
    if (name.starts_with(variable) && facts_.count(name) == 0) unsetenv(name.c_str() + prefix);
  }
  for (const auto &[name, value] : facts_) {
    if (name.starts_with(variable)) setenv(name.c_str() + prefix, value.c_str(), 1);
  }
  std::error_code error;
  fs::current_path(facts_.at(folder), error);
  umask(plain_of<mode_t>(facts_.at(mask)));
  setlocale(LC_ALL, facts_.at(locale).c_str());
  uselocale(plain_of<locale_t>(facts_.at(thread_locale)));
  for (const auto &[number, action] : actions_) sigaction(number, &action, nullptr);
  const auto set = plain_of<sigset_t>(facts_.at(blocked));
  pthread_sigmask(SIG_SETMASK, &set, nullptr);
}

LeftBehind::LeftBehind() : files(open_files().size()), threads(count_of("/proc/self/task")) {}

std::vector<std::string> LeftBehind::since(const LeftBehind &before) {
  LeftBehind now;
  const auto end = std::chrono::steady_clock::now() + patience;
  while (now.threads > before.threads && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(pause);
    now = LeftBehind();
  }
  std::vector<std::string> found;
  if (now.files > before.files) found.emplace_back("leaves a file open");
  if (now.threads > before.threads) found.emplace_back("leaves a thread running");
  return found;
}

size_t bytes_mapped() {
  std::ifstream statm("/proc/self/statm");
  size_t pages = 0;
  statm >> pages;
  return pages * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace mrun
