// mrun bench BUNDLE INPUT…: how fast a bundle answers these inputs on this machine.
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <thread>

#include "arguments.h"
#include "files.h"
#include "inputs.h"
#include "options.h"
#include "report.h"
#include "standard_output.h"
#include "subcommands.h"

namespace command {
namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  std::string bundle;
  InputOptions inputs;
  RunOptions run;
  double seconds = 5;
  bool json = false;
};

double since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

// What items took, in seconds, without the wait for a worker: the queue is kept full. Filled from the engine's threads.
class Times {
 public:
  static constexpr const char *stages[] = {"preprocess", "batch", "forward", "postprocess", "all"};

  void add(const mrun_result &r) {
    const mrun_timings &t = r.time;
    const double values[] = {t.preprocess, t.batch, t.forward, t.postprocess};
    const std::lock_guard lock(mutex_);
    failed_ += r.code == MRUN_OK ? 0 : 1;
    double all = 0;
    for (size_t i = 0; i < std::size(values); ++i) {
      taken_[i].push_back(values[i]);
      all += values[i];
    }
    taken_[std::size(values)].push_back(all);
  }
  size_t items() const { return taken_[0].size(); }
  size_t failed() const { return failed_; }
  void sort() {
    for (std::vector<double> &stage : taken_) std::sort(stage.begin(), stage.end());
  }
  // Of the sorted times.
  double quantile(size_t stage, double q) const {
    const std::vector<double> &t = taken_[stage];
    return t[std::min(t.size() - 1, static_cast<size_t>(q * static_cast<double>(t.size())))];
  }

 private:
  std::mutex mutex_;
  std::vector<double> taken_[std::size(stages)];
  size_t failed_ = 0;
};

std::vector<mrun::variant> read_all(const InputOptions &given, const mrun::bundle &bundle) {
  std::vector<mrun::variant> values;
  Inputs inputs(given, bundle);
  while (auto input = inputs.next()) {
    if (input->error) throw mrun::failure(*input->error);
    values.push_back(std::move(input->value));
  }
  if (values.empty()) throw mrun::failure(MRUN_USAGE, "bench: there is no input");
  return values;
}

// Every input twice, so that models are tuned and caches are warm. A failing item ends it: its time says nothing.
void warm_up(const mrun::engine &engine, const std::vector<mrun::variant> &inputs) {
  for (int pass = 0; pass < 2; ++pass) {
    for (const mrun::variant &input : inputs) {
      const mrun::result r = engine.run(input);
      if (!r) throw mrun::failure(MRUN_INPUT, std::string("bench: an item fails: ") + r.message());
    }
  }
}

// Returns the seconds that all items took together.
double measure(const mrun::engine &engine, const std::vector<mrun::variant> &inputs, double seconds, Times &times) {
  const Clock::time_point begin = Clock::now();
  size_t next = 0;
  do {
    engine.submit(inputs[next], [&](const mrun_result &r) { times.add(r); });
    next = (next + 1) % inputs.size();
  } while (since(begin) < seconds);
  engine.drain();
  return since(begin);
}

void print_table(const Times &times, double took, int workers) {
  std::fprintf(answers_file(), "%zu items, %zu failed, in %.1f s with %d worker%s: %.1f items/s\n", times.items(),
               times.failed(), took, workers, workers == 1 ? "" : "s", static_cast<double>(times.items()) / took);
  std::fprintf(answers_file(), "%-12s %9s %9s %9s   milliseconds an item\n", "", "p50", "p95", "p99");
  for (size_t i = 0; i < std::size(Times::stages); ++i) {
    std::fprintf(answers_file(), "%-12s %9.3f %9.3f %9.3f\n", Times::stages[i], times.quantile(i, 0.5) * 1e3,
                 times.quantile(i, 0.95) * 1e3, times.quantile(i, 0.99) * 1e3);
  }
}

void print_json(const Times &times, double took, int workers) {
  std::string stages;
  char row[200];
  for (size_t i = 0; i < std::size(Times::stages); ++i) {
    std::snprintf(row, sizeof row, R"(%s"%s":{"p50":%.9g,"p95":%.9g,"p99":%.9g})", i == 0 ? "" : ",", Times::stages[i],
                  times.quantile(i, 0.5), times.quantile(i, 0.95), times.quantile(i, 0.99));
    stages += row;
  }
  std::fprintf(answers_file(),
               R"({"items":%zu,"failed":%zu,"seconds":%.9g,"items_per_second":%.9g,"workers":%d,"stages":{%s}})"
               "\n",
               times.items(), times.failed(), took, static_cast<double>(times.items()) / took, workers, stages.c_str());
}

int bench_bundle(const Options &o) {
  o.run.load_plugins();
  const mrun::bundle bundle = open_bundle(o.bundle);
  EngineOptions options(o.run, bundle);
  int32_t &workers = options.get()->workers;
  if (workers == 0) workers = static_cast<int32_t>(std::max(1u, std::thread::hardware_concurrency()));
  const std::vector<mrun::variant> inputs = read_all(o.inputs, bundle);
  const mrun::engine engine(bundle, options.get());
  warm_up(engine, inputs);
  Times times;
  const double took = measure(engine, inputs, o.seconds, times);
  times.sort();
  (o.json ? print_json : print_table)(times, took, workers);
  if (std::fflush(answers_file()) != 0) {
    throw mrun::failure(MRUN_IO, std::string("standard output: cannot write: ") + std::strerror(errno));
  }
  return times.failed() == 0 ? ok : some_failed;
}

}  // namespace

int bench(std::vector<std::string> args) {
  Options o;
  CLI::App app("Answers the inputs again and again and says how fast. Inputs are read before.", "bench");
  app.add_option("BUNDLE", o.bundle, "a .mb file or a folder; model.mb@2 is its revision 2")->required();
  add_input_options(app, o.inputs);
  app.add_option("--seconds", o.seconds, "how long to measure (default 5)")->check(CLI::Range(0.01, 86400.0));
  app.add_flag("--json", o.json, "as JSON, times in seconds");
  o.run.add_to(app);
  return parse_and_run(app, std::move(args), [&] { return bench_bundle(o); });
}

}  // namespace command
