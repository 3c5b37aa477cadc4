#include "isolate/lockdown/namespaces.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace mrun {

std::string enter_namespaces() {
  constexpr int all = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;
  return ::unshare(all) == 0 ? "" : strerror(errno);
}

// pivot_root(".", ".") puts the old root over the new one, where it is taken off: pivot_root(2).
std::string enter_empty_root() {
  constexpr unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  constexpr const char *there = "/proc";  // any folder
  const bool done = ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                    ::mount("none", there, "tmpfs", flags, "size=4k,nr_inodes=1,mode=555") == 0 &&
                    ::chdir(there) == 0 && ::syscall(SYS_pivot_root, ".", ".") == 0 &&
                    ::umount2(".", MNT_DETACH) == 0 && ::chdir("/") == 0 &&
                    ::mount("none", "/", nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | flags, nullptr) == 0;
  return done ? "" : strerror(errno);
}

}  // namespace mrun
