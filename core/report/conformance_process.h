// What native code does to the process that it runs in.
#pragma once
#include <sys/types.h>

#include <csignal>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/file.h"

namespace mrun {

// Files by the numbers of their descriptors.
using OpenFiles = std::map<int, std::pair<dev_t, ino_t>>;

// The files that are open as it is made; a plugin is none of their owners.
class LentFiles {
 public:
  LentFiles();
  // "closes file descriptor 1": each once; it is opened again.
  std::vector<std::string> mend();

 private:
  OpenFiles files_;
  std::map<int, UniqueFd> copies_;
};

// What all code of a process, or of a thread, shares.
class ProcessState {
 public:
  ProcessState();  // as it is now
  // "changes the working directory": each that is not as it was; it is put back.
  std::vector<std::string> mend() const;

 private:
  void put_back(const ProcessState &now) const;
  std::map<int, struct sigaction> actions_;
  // By what a problem calls them. Of the floating-point mode, which each native call puts back, how often there was another.
  std::map<std::string, std::string> facts_;
};

// What may be left behind once, by what is made at the first call, but not by every call.
struct LeftBehind {
  LeftBehind();  // what there is now
  // "leaves a file open"; nothing where there is no more than before. Waits for threads that are ending.
  static std::vector<std::string> since(const LeftBehind &before);
  size_t files, threads;
};

// The process's address space, in bytes: what is mapped, whoever's malloc has it.
size_t bytes_mapped();

}  // namespace mrun
