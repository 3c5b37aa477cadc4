#include "plugin/code.h"

#include <dlfcn.h>
#include <link.h>
#include <unistd.h>

#include <csignal>
#include <map>
#include <optional>
#include <set>

#include "base/float_mode.h"
#include "base/library.h"
#include "base/mutex.h"
#include "base/process_end.h"
#include "base/text.h"
#include "plugin/catalog.h"
#include "plugin/shared_libraries.h"

namespace mrun {
namespace {

namespace fs = std::filesystem;

// Signals are the host's: handlers that libraries install while they are loaded are taken back, but no other that came
// meanwhile, on another thread.
class SignalGuard {
 public:
  SignalGuard() {
    dl_iterate_phdr(&SignalGuard::note, &before_);
    for (int number = 1; number < NSIG; ++number) sigaction(number, nullptr, &actions_[number]);
  }
  ~SignalGuard() {
    for (int number = 1; number < NSIG; ++number) {
      struct sigaction now = {};
      sigaction(number, nullptr, &now);
      if (is_new(reinterpret_cast<const void *>(now.sa_handler))) sigaction(number, &actions_[number], nullptr);
    }
  }
  SignalGuard(const SignalGuard &) = delete;
  SignalGuard &operator=(const SignalGuard &) = delete;

 private:
  static int note(dl_phdr_info *object, size_t, void *names) {
    static_cast<std::set<std::string> *>(names)->insert(object->dlpi_name);
    return 0;
  }
  // Whether the handler is the code of a file that was not there before.
  bool is_new(const void *handler) const {
    Dl_info info{};
    void *extra = nullptr;
    if (dladdr1(handler, &info, &extra, RTLD_DL_LINKMAP) == 0 || extra == nullptr) return false;
    return before_.count(static_cast<link_map *>(extra)->l_name) == 0;
  }

  std::set<std::string> before_;  // the files that are loaded
  struct sigaction actions_[NSIG] = {};
};

// A library that gets no thread while it is loaded may interrupt its own process (OpenBLAS does), which would end the host.
// Until the end of the scope such an interrupt is held back; one from outside comes then.
class InterruptGuard {
 public:
  InterruptGuard() {
    sigemptyset(&interrupt_);
    sigaddset(&interrupt_, SIGINT);
    pthread_sigmask(SIG_BLOCK, &interrupt_, &before_);
  }
  ~InterruptGuard() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  InterruptGuard(const InterruptGuard &) = delete;
  InterruptGuard &operator=(const InterruptGuard &) = delete;

  // Whether this process has raised one; it is gone then.
  bool take() const {
    bool raised = false, other = false;
    const timespec at_once{};
    for (siginfo_t info{}; sigtimedwait(&interrupt_, &info, &at_once) == SIGINT;)
      (is_own(info) ? raised : other) = true;
    if (other) sigqueue(getpid(), SIGINT, handed_on());
    return raised;
  }

 private:
  // Marks one from outside that a load has handed on: the next must not take it for this process's own.
  static sigval handed_on() {
    static char mark;
    return {.sival_ptr = &mark};
  }
  static bool is_own(const siginfo_t &info) {
    const bool marked = info.si_code == SI_QUEUE && info.si_value.sival_ptr == handed_on().sival_ptr;
    return info.si_code <= 0 && info.si_pid == getpid() && !marked;  // sent by a program, by this one
  }

  sigset_t interrupt_{}, before_{};
};

void refuse_other_versions(const PluginFile &file) {
  for (const std::string &library : file.only) {
    const std::string other = other_version(library);
    if (other.empty()) continue;
    fail(MRUN_USAGE,
         "{}: needs {}, but this process has loaded another version of it, {}: link the program with the same one, or "
         "run the bundle with isolation process",
         file.path.string(), library, other);
  }
}

void *open_library(const PluginFile &file) {
  const fs::path &path = file.path;
  std::error_code error;
  if (fs::is_directory(path, error)) {
    fail(MRUN_MISSING, "{}: is a folder; a plugin's file is wanted, as NAME.so in it", printable(path.native()));
  }
  if (!fs::is_regular_file(path, error)) {
    fail(MRUN_MISSING, "{}: {}", printable(path.native()),
         fs::exists(path, error) ? "is no regular file; a plugin's is wanted" : "no such plugin file");
  }
  const fs::path full = fs::canonical(path, error);
  if (!file.broken.empty()) throw Error(MRUN_USAGE, file.broken);
  refuse_other_versions(file);
  const int flags = library_flags(file.own_memory);
  void *handle = nullptr;
  std::string reason;
  bool interrupted = false;
  {
    const SignalGuard signals;
    const InterruptGuard interrupts;
    for (const std::string &name : file.libraries) dlopen(name.c_str(), flags);
    handle = dlopen(full.c_str(), flags);
    note_loaded_library();
    if (handle == nullptr) reason = dlerror();
    interrupted = interrupts.take();
  }
  if (interrupted) {
    fail(MRUN_MEMORY,
         "{}: a library of it raised SIGINT while it was loaded, as OpenBLAS does where no thread can be made: let the "
         "process have more (ulimit -u, a container's pids.max), or set OPENBLAS_NUM_THREADS=1",
         path.string());
  }
  if (handle == nullptr) fail(MRUN_USAGE, "{}: cannot be loaded: {}", path.string(), printable(reason, 1000));
  return handle;
}

PluginInit init_of(void *handle, const fs::path &path) {
  const auto init = reinterpret_cast<PluginInit>(dlsym(handle, "mrun_plugin_init"));
  if (init == nullptr) fail(MRUN_USAGE, "{}: not a plugin: it exports no mrun_plugin_init", path.string());
  return init;
}

std::unique_ptr<const Code> start(PluginInit init, const std::string &what, const fs::path &path = {},
                                  bool tensor_methods = false) {
  auto code = std::make_unique<Code>();
  code->plugin.path = path;
  code->plugin.tensor_methods = tensor_methods;
  initialize(init, what, code->plugin, code->registry);
  return code;
}

// An opened file: its code, or why mrun_plugin_init gave none. It runs once a process (plugin.h, 2), so the answer is for good.
struct Opened {
  std::unique_ptr<const Code> code;
  std::optional<Error> error;
};

// All code of this process; never freed, as code that may run at exit belongs to it.
struct Store {
  Mutex mutex;
  std::map<fs::path, const Opened *> by_path GUARDED_BY(mutex);
  std::map<void *, Opened> by_handle GUARDED_BY(mutex);
  std::map<fs::path, Opened> unopened GUARDED_BY(mutex);  // that the loader refused
  std::map<PluginInit, std::unique_ptr<const Code>> linked GUARDED_BY(mutex);
};

Store &store() {
  static Store *const all = new Store;
  return *all;
}

const Opened &open_code(Store &s, const fs::path &path, const fs::path &full) REQUIRES(s.mutex) {
  const FloatModeGuard mode;
  const PluginFile file = describe_plugin(path);
  void *handle = nullptr;
  try {
    handle = open_library(file);
  } catch (const Error &e) {
    if (e.code == MRUN_MISSING) throw;  // it may come yet
    const Opened &unopened = s.unopened.emplace(full, Opened{nullptr, e}).first->second;
    s.by_path.emplace(full, &unopened);
    return unopened;
  }
  const auto [at, first] = s.by_handle.try_emplace(handle);  // there already: another name of the same file
  if (first) {
    try {
      at->second.code = start(init_of(handle, path), path.string(), full, file.tensor_methods);
    } catch (const Error &e) { at->second.error = e; } catch (const std::bad_alloc &) {
      at->second.error = Error(MRUN_MEMORY, "out of memory");  // so short that it wants none
    }
  }
  s.by_path.emplace(full, &at->second);
  return at->second;
}

}  // namespace

const Code &load_code(const fs::path &path) {
  Store &s = store();
  std::error_code error;
  fs::path full = fs::weakly_canonical(path, error);
  if (error) full = path.lexically_normal();  // no file can be looked at any more: a locked-up worker
  const ExclusiveLock lock(s.mutex);
  const auto known = s.by_path.find(full);
  const Opened &opened = known != s.by_path.end() ? *known->second : open_code(s, path, full);
  if (opened.error) throw Error(*opened.error);
  return *opened.code;
}

const Code &linked_code(PluginInit init) {
  Store &s = store();
  const ExclusiveLock lock(s.mutex);
  const FloatModeGuard mode;
  auto &code = s.linked[init];
  if (code == nullptr) code = start(init, "a built-in plugin");
  return *code;
}

}  // namespace mrun
