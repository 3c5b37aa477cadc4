/* Loaded before a program (LD_PRELOAD): the MRUN_FAULT_AT-th call of the kind MRUN_FAULT fails, "read" (pread, read, mmap of a file) or
 * "write" (pwrite, write, fsync, fdatasync, rename), with EIO, or ENOSPC for writing; then the file MRUN_FAULT_MARK is made. With MRUN_FAULT_KILL
 * the program is killed there instead. Calls on what is no regular file do not count: the program's own start, pipes and the terminal are not
 * meant. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_long calls;

static int counts(int fd) {
  struct stat status;
  return fd < 0 || (fstat(fd, &status) == 0 && S_ISREG(status.st_mode));
}

/* Whether this call is the one that fails. */
static int fails(const char *kind, int fd) {
  const char *wanted = getenv("MRUN_FAULT"), *at = getenv("MRUN_FAULT_AT"), *mark = getenv("MRUN_FAULT_MARK");
  if (wanted == NULL || at == NULL || strcmp(wanted, kind) != 0 || !counts(fd)) return 0;
  if (atomic_fetch_add(&calls, 1) + 1 != atol(at)) return 0;
  if (mark != NULL) close(open(mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  if (getenv("MRUN_FAULT_KILL") != NULL) raise(SIGKILL);
  errno = strcmp(kind, "read") == 0 ? EIO : ENOSPC;
  return 1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t pread(int fd, void *to, size_t n, off_t at) { return fails("read", fd) ? -1 : REAL(pread)(fd, to, n, at); }
ssize_t read(int fd, void *to, size_t n) { return fails("read", fd) ? -1 : REAL(read)(fd, to, n); }
void *mmap(void *where, size_t n, int access, int flags, int fd, off_t at) {
  if (fd >= 0 && fails("read", fd)) return MAP_FAILED;
  return REAL(mmap)(where, n, access, flags, fd, at);
}
ssize_t pwrite(int fd, const void *from, size_t n, off_t at) {
  return fails("write", fd) ? -1 : REAL(pwrite)(fd, from, n, at);
}
ssize_t write(int fd, const void *from, size_t n) { return fails("write", fd) ? -1 : REAL(write)(fd, from, n); }
int fsync(int fd) { return fails("write", fd) ? -1 : REAL(fsync)(fd); }
int fdatasync(int fd) { return fails("write", fd) ? -1 : REAL(fdatasync)(fd); }
int rename(const char *from, const char *to) { return fails("write", -1) ? -1 : REAL(rename)(from, to); }
int renameat2(int a, const char *from, int b, const char *to, unsigned flags) {
  return fails("write", -1) ? -1 : REAL(renameat2)(a, from, b, to, flags);
}
