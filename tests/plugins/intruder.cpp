// A plugin that stands for a bundle whose native code was taken over: it does what such code would try.
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mrun/plugin.hpp>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

extern char **environ;

namespace {

constexpr int channel = 3;  // what a worker talks to its parent by

using Call = long (*)();
const std::map<std::string, Call> calls{
    {"open", [] { return syscall(SYS_open, "/etc/passwd", O_RDONLY); }},
    {"open to write", [] { return syscall(SYS_open, "/tmp/intruder", O_WRONLY); }},
    {"create", [] { return syscall(SYS_openat, AT_FDCWD, "/tmp/intruder", O_WRONLY | O_CREAT, 0600); }},
    {"socket", [] { return syscall(SYS_socket, AF_INET, SOCK_STREAM, 0); }},
    {"fork", [] { return syscall(SYS_fork); }},
    {"clone", [] { return syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr); }},
    {"exec", [] { return syscall(SYS_execve, "/bin/true", nullptr, nullptr); }},
    {"ptrace", [] { return syscall(SYS_ptrace, PTRACE_TRACEME, 0, nullptr, nullptr); }},
    {"mmap",
     [] {
       return syscall(SYS_mmap, nullptr, 65536, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
     }},
    {"mprotect",
     [] {
       void *page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
       return syscall(SYS_mprotect, page, 4096, PROT_READ | PROT_EXEC);
     }},
    {"kill", [] { return syscall(SYS_kill, getpid(), 0); }},
    {"kill the parent", [] { return syscall(SYS_tgkill, getppid(), getppid(), 0); }},
    {"io_uring", [] { return syscall(SYS_io_uring_setup, 1, nullptr); }},
    {"memfd", [] { return syscall(SYS_memfd_create, "x", 0); }},
    {"userfaultfd", [] { return syscall(SYS_userfaultfd, 0); }},
    {"truncate", [] { return syscall(SYS_ftruncate, channel, 0); }},
    {"seccomp", [] { return syscall(SYS_seccomp, 0, 0, nullptr); }},
    {"limits", [] { return syscall(SYS_prlimit64, getppid(), 0, nullptr, nullptr); }},
    {"getppid", [] { return syscall(SYS_getppid); }},
};

int64_t raw(std::string what) { return calls.at(what)(); }

int64_t raw_in_thread(std::string what) {
  long got = 0;
  std::thread t([&] { got = calls.at(what)(); });
  t.join();
  return got;
}

// Whether a file can be seen: 0, or the error.
int64_t look(std::string path) {
  const int fd = openat(AT_FDCWD, path.c_str(), O_RDONLY);
  return fd >= 0 ? 0 : errno;
}

// How many of the descriptors above the worker's own can be written to, or opened once more.
int64_t grasp() {
  constexpr int most = 256;
  int64_t got = 0;
  for (int fd = 6; fd < most; ++fd) {
    if (lseek(fd, 0, SEEK_SET) == 0 && write(fd, "grasped", 7) > 0) ++got;
    if (openat(AT_FDCWD, ("/proc/self/fd/" + std::to_string(fd)).c_str(), O_RDONLY) >= 0) ++got;
    if (openat(fd, "", O_RDONLY) >= 0) ++got;
  }
  return got;
}

std::string environment() {
  std::string all;
  for (char **e = environ; e != nullptr && *e != nullptr; ++e) all += std::string(*e) + "\n";
  return all;
}

// Threads that stay, as those of operators.
int64_t threads(int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    std::thread([] {
      for (;;) std::this_thread::sleep_for(std::chrono::seconds(1));
    }).detach();
  }
  return getpid();
}

void sleep_for(double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); }
void crash() { raise(SIGSEGV); }
void leave() { _exit(7); }
[[noreturn]] void spin() {
  for (volatile int i = 0;; i = i + 1) {}
}

struct Header {
  uint32_t magic = 0x4b57524d;
  uint16_t version = PROTOCOL_VERSION, kind = 13;
  uint64_t id = 1, size = 0, beside = 0, descriptors = 0;
};

void send_frame(Header header, std::string_view part) {
  const uint32_t begin[] = {0x6e75726d, 1};
  header.size = sizeof begin + part.size();
  std::string bytes(reinterpret_cast<const char *>(&header), sizeof header);
  bytes.append(reinterpret_cast<const char *>(begin), sizeof begin).append(part);
  for (std::string_view left = bytes; !left.empty();) {
    const ssize_t n = write(channel, left.data(), left.size());
    if (n < 0 && errno != EAGAIN && errno != EINTR) _exit(8);
    left.remove_prefix(n < 0 ? 0 : static_cast<size_t>(n));
  }
}

// Asks the parent for memory, for n items from `first` on.
void want(int64_t first, int64_t n, int64_t size) {
  const std::string part = "\2" + std::string(reinterpret_cast<const char *>(&size), sizeof size);
  for (Header header{.kind = 20, .id = static_cast<uint64_t>(first)}; n > 0; --n, ++header.id) send_frame(header, part);
}

// A partial answer, nil, that claims so many bytes of the memory that was asked for.
void tell(int64_t item, int64_t beside) {
  const char nil[] = {4, 0};
  send_frame({.kind = 14, .id = static_cast<uint64_t>(item), .beside = static_cast<uint64_t>(beside)},
             {nil, sizeof nil});
}

// A partial answer of so many nils: a byte each here.
void swell(int64_t item, int64_t nils) {
  std::string part("\4\6");
  part.append(reinterpret_cast<const char *>(&nils), sizeof nils).append(static_cast<size_t>(nils), '\0');
  send_frame({.kind = 14, .id = static_cast<uint64_t>(item)}, part);
}

// Talks to the parent as a worker that was taken over: a frame whose header lies, bytes that are none, half a frame.
void say(std::string what) {
  Header header;
  std::string bytes(64, 'x');
  if (what == "length") header.size = uint64_t{1} << 63;
  if (what == "kind") header.kind = 4711;
  if (what == "beside") header.beside = 4096;
  if (what == "item") header.id = 4711;
  if (what == "half") header.size = 1 << 20;
  if (what != "garbage") bytes.assign(reinterpret_cast<const char *>(&header), sizeof header);
  if (write(channel, bytes.data(), bytes.size()) < 0) _exit(8);
  if (what == "half") _exit(9);
  for (;;) sleep_for(1);
}

}  // namespace

MRUN_PLUGIN("intruder", "1.0.0", "What native code that was taken over would try.") {
  op<raw>("intruder.raw@1(str what) -> int", "A system call, as it is.");
  op<raw_in_thread>("intruder.raw_in_thread@1(str what) -> int", "The same on a new thread.");
  op<look>("intruder.look@1(str path) -> int", "Opens a file for reading.");
  op<grasp>("intruder.grasp@1() -> int", "Writes to what it finds open.");
  op<environment>("intruder.environment@1() -> str", "All of it.");
  op<threads>("intruder.threads@1(int n) -> int", "Starts threads that stay; gives the process's number.");
  op<sleep_for>("intruder.sleep@1(float seconds) -> ()", "Sleeps in native code, and asks nobody.");
  op<crash>("intruder.crash@1() -> ()", "Ends the process by a signal.");
  op<leave>("intruder.leave@1() -> ()", "Ends the process.");
  op<spin>("intruder.spin@1() -> ()", "Does not return.");
  op<want>("intruder.want@1(int first, int n, int size) -> ()", "Asks the parent for memory.");
  op<tell>("intruder.tell@1(int item, int beside) -> ()", "Emits nil, with memory beside it.");
  op<swell>("intruder.swell@1(int item, int nils) -> ()", "Emits a list of nils.");
  op<say>("intruder.say@1(str what) -> ()", "Writes nonsense to the parent.");
}
