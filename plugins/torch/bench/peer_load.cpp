// torch::jit::load and one forward: peer_load MODEL.pt. Prints milliseconds to load, milliseconds to the result,
// private KiB.
#include <torch/script.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>

static double milliseconds() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

static long private_kib() {
  long total = 0, kib = 0;
  char line[256];
  FILE *f = fopen("/proc/self/smaps_rollup", "r");
  while (f != nullptr && fgets(line, sizeof line, f) != nullptr) {
    if (sscanf(line, "Private_Clean: %ld", &kib) == 1 || sscanf(line, "Private_Dirty: %ld", &kib) == 1) total += kib;
  }
  if (f != nullptr) fclose(f);
  return total;
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  const c10::InferenceMode guard;
  torch::jit::setGraphExecutorOptimize(false);
  at::ones({4}).sum();  // the library is warm on both sides
  const long before = private_kib();
  const double begin = milliseconds();
  torch::jit::Module model = torch::jit::load(argv[1]);
  const double loaded = milliseconds();
  model.forward({at::ones({1, 4})});
  std::printf("%.2f %.2f %ld\n", loaded - begin, milliseconds() - begin, private_kib() - before);
  std::fflush(stdout);
  _exit(0);
}
