// Many items through one engine, through the public API; processor times of the whole process:
//   bench_many loop BUNDLE ITEMS STEPS alone|together   nanoseconds an item and step of a bundle whose input is the number of
//                                                       steps, alone: one item after the other. One worker
//   bench_many stream BUNDLE LINES ROUNDS               microseconds from the submit of a line to its answer that are not its
//                                                       stages' own: the median. Nothing else runs
#include <sys/resource.h>
#include <unistd.h>
#include <mrun/mrun.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <future>
#include <vector>

namespace {

double seconds_of(const timeval &t) { return double(t.tv_sec) + double(t.tv_usec) * 1e-6; }

double processor_seconds() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
}

double wall_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

mrun_options one_worker() {
  mrun_options o;
  MRUN_INIT(o);
  o.workers = o.threads = 1;
  o.timeout = -1;
  o.isolation = MRUN_ISOLATION_NONE;
  return o;
}

void run_items(const mrun::engine &engine, int items, const mrun::variant &steps, bool together) {
  for (int i = 0; i < items; ++i) {
    if (together) {
      engine.submit(steps, [](const mrun_result &r) {
        if (r.code != MRUN_OK) std::abort();
      });
    } else if (!engine.run(steps)) {
      std::abort();
    }
  }
  engine.drain();
}

// The loop's own cost: of all steps, less that of items without any.
int loop(const char *path, int items, int steps, bool together) {
  const mrun_options options = one_worker();
  const mrun::engine engine(mrun::bundle(path), &options);
  const mrun::variant many = mrun::from_json(std::to_string(steps)), none = mrun::from_json("1");
  run_items(engine, items, many, together);  // models are tuned by their first calls
  const double begin = processor_seconds();
  run_items(engine, items, none, together);
  const double middle = processor_seconds();
  run_items(engine, items, many, together);
  const double end = processor_seconds();
  std::printf("%.1f\n", ((end - middle) - (middle - begin)) * 1e9 / (double(items) * (steps - 1)));
  return 0;
}

int stream(const char *path, const char *list, int rounds) {
  const mrun_options options = one_worker();
  const mrun::engine engine(mrun::bundle(path), &options);
  std::vector<double> beyond;
  for (int round = 0; round < rounds; ++round) {
    std::ifstream file(list);
    for (std::string line; std::getline(file, line);) {
      std::promise<double> own;
      const double begin = wall_seconds();
      engine.submit(mrun::text(line.c_str()), [&own](const mrun_result &r) {
        own.set_value(r.time.preprocess + r.time.forward + r.time.postprocess);
      });
      const double stages = own.get_future().get();
      beyond.push_back((wall_seconds() - begin - stages) * 1e6);
    }
  }
  std::sort(beyond.begin(), beyond.end());
  std::printf("%.1f\n", beyond[beyond.size() / 2]);
  return 0;
}

}  // namespace

int main(int argc, char **argv) {
  int status = 2;
  if (argc == 6 && std::strcmp(argv[1], "loop") == 0) {
    status = loop(argv[2], std::atoi(argv[3]), std::atoi(argv[4]), std::strcmp(argv[5], "together") == 0);
  } else if (argc == 5 && std::strcmp(argv[1], "stream") == 0) {
    status = stream(argv[2], argv[3], std::atoi(argv[4]));
  }
  std::fflush(stdout);
  _exit(status);
}
