// mrun's side of the benchmarks, through the public API:
//   bench_host text BUNDLE LINES ROUNDS     microseconds an item, the median over rounds
//   bench_host load BUNDLE SMALL TENSOR.npy  milliseconds to open and start, to the first result, private KiB
//   bench_host read FILE FILE                milliseconds to read both in turn, where they are mapped: memory's own speed
//   bench_host hop MICROSECONDS ROUNDS      microseconds beyond so many until another process, which works as long, has answered a byte
//   bench_host item BUNDLE JSON ROUNDS      the answer of the last of ROUNDS runs
//   bench_host tensor BUNDLE MB ROUNDS      milliseconds an item that is a tensor of so many megabytes, the median
//   bench_host file BUNDLE FILE ROUNDS      milliseconds to read an input's file and to answer it, the median
// In this process, or with MRUN_ISOLATION=process in a worker.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <mrun/mrun.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <numeric>

namespace {

double microseconds() {
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

long private_kib() {
  long total = 0, kib = 0;
  char line[256];
  FILE *f = fopen("/proc/self/smaps_rollup", "r");
  while (f != nullptr && fgets(line, sizeof line, f) != nullptr) {
    if (sscanf(line, "Private_Clean: %ld", &kib) == 1 || sscanf(line, "Private_Dirty: %ld", &kib) == 1) total += kib;
  }
  if (f != nullptr) fclose(f);
  return total;
}

mrun_options one_thread() {
  mrun_options o;
  MRUN_INIT(o);
  o.workers = o.threads = 1;
  o.timeout = -1;
  const char *isolation = std::getenv("MRUN_ISOLATION");
  const bool process = isolation != nullptr && std::string(isolation) == "process";
  o.isolation = process ? MRUN_ISOLATION_PROCESS : MRUN_ISOLATION_NONE;
  return o;
}

int text(const char *path, const char *list, int rounds) {
  const mrun_options options = one_thread();
  const mrun::engine engine(mrun::bundle(path), &options);
  std::vector<std::string> lines;
  std::ifstream file(list);
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  std::vector<double> times;
  for (int round = 0; round <= rounds; ++round) {
    const double begin = microseconds();
    for (const std::string &line : lines) {
      const mrun_value input = mrun_text(line.c_str());
      mrun::result result;
      if (mrun_run(engine.raw(), &input, nullptr, result.raw()) != MRUN_OK) return 1;
    }
    if (round > 0) times.push_back((microseconds() - begin) / double(lines.size()));
  }
  std::sort(times.begin(), times.end());
  std::printf("%.2f\n", times[times.size() / 2]);
  return 0;
}

int load(const char *path, const char *warm, const char *input) {
  const mrun_options in_process = one_thread();
  const mrun::engine first(mrun::bundle{warm}, &in_process);  // libtorch is loaded and warm on both sides
  const long before = private_kib();
  const double begin = microseconds();
  const mrun::bundle bundle(path);
  mrun_options options = one_thread();
  options.one_shot = 1;
  const mrun::engine engine(bundle, &options);
  const double started = microseconds();
  mrun::variant value;
  if (mrun_input_file(bundle.raw(), nullptr, input, value.out(), nullptr) != MRUN_OK) return 1;
  const mrun::result result = engine.run(value);
  if (!result) return 1;
  std::printf("%.2f %.2f %ld\n", (started - begin) / 1e3, (microseconds() - begin) / 1e3, private_kib() - before);
  return 0;
}

int item(const char *path, const char *json, int rounds) {
  const mrun_options options = one_thread();
  const mrun::engine engine(mrun::bundle(path), &options);
  mrun::result result;
  for (int i = 0; i < rounds; ++i) result = engine.run(mrun::from_json(json));
  std::printf("%s\n", result ? result.json() : result.message());
  return result ? 0 : 1;
}

// The median of so many runs, after the first.
template <class Run>
int timed(int rounds, Run &&run) {
  std::vector<double> times;
  for (int round = 0; round <= rounds; ++round) {
    const double begin = microseconds();
    if (run() != MRUN_OK) return 1;
    if (round > 0) times.push_back((microseconds() - begin) / 1e3);
  }
  std::sort(times.begin(), times.end());
  std::printf("%.4f\n", times[times.size() / 2]);
  return 0;
}

int tensor(const char *path, int megabytes, int rounds) {
  const mrun_options options = one_thread();
  const mrun::engine engine(mrun::bundle(path), &options);
  const std::string bytes(size_t(megabytes) * 1000000, 'x');
  mrun::variant input;
  *input.out() = mrun_bytes(bytes.data(), bytes.size());
  return timed(rounds, [&] {
    mrun::result result;  // without its JSON
    return mrun_run(engine.raw(), &input.c(), nullptr, result.raw());
  });
}

int file(const char *path, const char *given, int rounds) {
  const mrun_options options = one_thread();
  const mrun::bundle bundle(path);
  const mrun::engine engine(bundle, &options);
  return timed(rounds, [&] {
    mrun::variant input;
    if (const int code = mrun_input_file(bundle.raw(), nullptr, given, input.out(), nullptr)) return code;
    mrun::result result;
    return mrun_run(engine.raw(), &input.c(), nullptr, result.raw());
  });
}

// What a mapped file holds, 8 bytes at a time.
class Words {
 public:
  explicit Words(const char *path) {
    const int fd = open(path, O_RDONLY);
    struct stat status = {};
    if (fd < 0 || fstat(fd, &status) != 0) std::exit(1);
    size_ = size_t(status.st_size) / 8;
    data_ = static_cast<const uint64_t *>(mmap(nullptr, size_ * 8, PROT_READ, MAP_PRIVATE, fd, 0));
    if (data_ == MAP_FAILED) std::exit(1);
  }
  size_t size() const { return size_; }
  uint64_t sum(size_t from, size_t to) const { return std::accumulate(data_ + from, data_ + to, uint64_t{0}); }

 private:
  const uint64_t *data_;
  size_t size_;
};

int read_both(const char *one, const char *other) {
  const double begin = microseconds();
  const Words a(one), b(other);
  const size_t block = 4096, size = std::min(a.size(), b.size());
  volatile uint64_t sum = 0;
  for (size_t i = 0; i < size; i += block) {
    const size_t end = std::min(i + block, size);
    sum = sum + a.sum(i, end) + b.sum(i, end);
  }
  std::printf("%.2f\n", (microseconds() - begin) / 1e3);
  return 0;
}

void work_for(double time) {
  for (const double end = microseconds() + time; microseconds() < end;) {}
}

// What the system takes for the two switches between processes that an item in a worker costs at the least.
int hop(double time, int rounds) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) return 1;
  char byte = 0;
  if (fork() == 0) {
    close(ends[0]);  // or it would wait for itself
    while (read(ends[1], &byte, 1) == 1) {
      work_for(time);
      if (write(ends[1], &byte, 1) != 1) break;
    }
    _exit(0);
  }
  close(ends[1]);
  std::vector<double> times;
  for (int i = 0; i < rounds; ++i) {
    const double begin = microseconds();
    if (write(ends[0], &byte, 1) != 1 || read(ends[0], &byte, 1) != 1) return 1;
    times.push_back(microseconds() - begin - time);
  }
  std::sort(times.begin(), times.end());
  std::printf("%.2f\n", times[times.size() / 2]);
  return 0;
}

}  // namespace

int main(int argc, char **argv) {
  if (argc < 4) return 2;
  const std::string mode = argv[1];
  int status = 2;
  if (mode == "hop") status = hop(std::atof(argv[2]), std::atoi(argv[3]));
  if (mode == "read") status = read_both(argv[2], argv[3]);
  if (argc != 5) _exit(std::fflush(stdout) == 0 ? status : 1);
  if (mode == "text") status = text(argv[2], argv[3], std::atoi(argv[4]));
  if (mode == "load") status = load(argv[2], argv[3], argv[4]);
  if (mode == "tensor") status = tensor(argv[2], std::atoi(argv[3]), std::atoi(argv[4]));
  if (mode == "file") status = file(argv[2], argv[3], std::atoi(argv[4]));
  if (mode == "item") status = item(argv[2], argv[3], std::atoi(argv[4]));
  std::fflush(stdout);
  _exit(status);
}
