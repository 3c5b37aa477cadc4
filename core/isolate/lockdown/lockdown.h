// Lock-down: what a worker gives up before it reads a byte of a bundle. In this order, while it has one thread:
//
//   begin    limits of the system, no new privileges, user, mount, network, IPC and host-name namespaces
//   (the plugins that the host chose are loaded: the last files that are opened)
//   finish   an empty root, no capabilities, Landlock, and the filter of system calls on every thread, those to come
//            included
//
// The filter, no new privileges and the limits must hold. Landlock and namespaces say no to the same things once more
// (files, network): one of the two must hold, so that no single mistake opens the file system. What a kernel or container
// does not allow ends the worker with USAGE and a text that names the layer: it fails closed.
#pragma once
#include <cstdint>
#include <map>
#include <string>

namespace mrun {

// A profile of the filter: how native code that a plugin brings may make code while it runs.
struct CodeProfile {
  bool protect = false;   // mprotect to executable: oneDNN
  bool in_place = false;  // memory that is writable and executable at once: PCRE2
  bool old_open = false;  // files are looked for by open(), which is told no: some libtorch. Else it ends the process
};

struct LockdownOptions {
  uint64_t address_space = 0;  // bytes beyond what is mapped once the plugins are loaded; 0: no limit
  uint64_t descriptors = 64;   // that may be open
};

class Lockdown {
 public:
  explicit Lockdown(LockdownOptions options) : options_(options) {}
  void begin();
  void finish(const CodeProfile &);
  // What holds: {"landlock": "7", "seccomp": "71 system calls", "namespaces": "user mount network ipc uts", …}; where a
  // layer does not, why: "no: Operation not permitted".
  const std::map<std::string, std::string> &levels() const { return levels_; }

 private:
  const LockdownOptions options_;
  std::map<std::string, std::string> levels_;
  bool namespaces_ = false;
};

}  // namespace mrun
