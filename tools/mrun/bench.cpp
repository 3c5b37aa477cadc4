// mrun bench BUNDLE INPUT…: how fast a bundle answers these inputs on this machine, and with which settings fastest.
#include <algorithm>
#include <chrono>
#include <memory>

#include "arguments.h"
#include "base/cores.h"
#include "bench_times.h"
#include "files.h"
#include "inputs.h"
#include "options.h"
#include "report.h"
#include "subcommands.h"
#include "view.h"

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

std::vector<mrun::variant> read_all(const Options &o, const mrun::bundle &bundle) {
  std::vector<mrun::variant> values;
  InputOptions given = o.inputs;
  given.memory = o.run.memory;
  Inputs inputs(given, bundle);
  while (auto input = inputs.next()) {
    if (input->error) throw mrun::failure(*input->error);
    values.push_back(std::move(input->value));
  }
  if (values.empty()) throw mrun::failure(MRUN_USAGE, "bench: there is no input");
  return values;
}

// Every input twice, so that models are tuned, joined as they will be, and caches are warm. A failing item ends it: its
// time says nothing.
void warm_up(const mrun::engine &engine, const std::vector<mrun::variant> &inputs) {
  std::mutex mutex;
  size_t first = inputs.size();  // that fails
  std::string failure;
  for (int pass = 0; pass < 2; ++pass) {
    for (size_t i = 0; i < inputs.size(); ++i) {
      engine.submit(inputs[i], [&, i](const mrun_result &r) {
        if (r.code == MRUN_OK) return;
        const std::lock_guard lock(mutex);
        if (i >= first) return;
        first = i;
        failure = r.error.message == nullptr ? mrun_code_name(r.code) : r.error.message;
      });
    }
    engine.drain();
    if (first < inputs.size()) {
      throw mrun::failure(MRUN_INPUT, "bench: input " + std::to_string(first + 1) + " of " +
                                          std::to_string(inputs.size()) + " fails: " + failure);
    }
  }
}

// Returns the seconds that all items took together.
double run_for(const mrun::engine &engine, const std::vector<mrun::variant> &inputs, double seconds, Times &times) {
  const Clock::time_point begin = Clock::now();
  size_t next = 0;
  do {
    engine.submit(inputs[next], [&](const mrun::result &r) { times.add(r.c()); });
    next = (next + 1) % inputs.size();
  } while (since(begin) < seconds);
  engine.drain();
  return since(begin);
}

// Calls that ran together, on average.
double joined_calls(const mrun::engine &engine) {
  char *json = nullptr;
  if (mrun_statistics(engine.raw(), &json) != MRUN_OK) return 0;
  const std::unique_ptr<char, void (*)(void *)> owner(json, mrun_free);
  const mrun::variant statistics = mrun::from_json(json);
  const View at{&statistics.c()};
  const double batches = at.at("batches").number();
  return batches > 0 ? at.at("calls").number() / batches : 0;
}

std::vector<int> workers_to_try(int given) {
  if (given > 0) return {given};
  const int cores = mrun::usable_cores();
  std::vector<int> counts;
  for (int n = 1; n < cores; n *= 2) counts.push_back(n);
  counts.push_back(cores);
  return counts;
}

std::vector<int> sizes_to_try(int given, const mrun::bundle &bundle) {
  if (given > 0) return {given};
  const mrun::variant manifest = mrun::from_json(bundle.inspect("manifest"));
  if (View{&manifest.c()}.at("models").size() == 0) return {1};  // nothing to join
  return {1, 4, 16, 64};
}

class Bench {
 public:
  Bench(const Options &o, const mrun::bundle &bundle) : o_(o), bundle_(bundle), inputs_(read_all(o, bundle)) {}

  std::deque<Measured> all() {
    const std::vector<int> workers = workers_to_try(o_.run.workers), sizes = sizes_to_try(o_.run.batch_size, bundle_);
    const double seconds = o_.seconds / static_cast<double>(workers.size() * sizes.size());
    std::deque<Measured> measured;
    for (const int w : workers) {
      for (const int size : sizes) {
        Measured &m = measured.emplace_back();
        m.setting = {w, size};
        one(m, seconds);
        if (m.joined == 0) break;  // without a model call the batch size is nothing
      }
    }
    return measured;
  }

 private:
  void one(Measured &m, double seconds) {
    RunOptions run = o_.run;
    run.workers = m.setting.workers;
    run.batch_size = m.setting.batch_size;
    EngineOptions options(run, bundle_);
    options.get()->offline = 1;
    const mrun::engine engine = start(bundle_, options.get());
    warm_up(engine, inputs_);
    m.seconds = run_for(engine, inputs_, seconds, m.times);
    m.joined = joined_calls(engine);
    m.times.sort();
  }

  const Options &o_;
  const mrun::bundle &bundle_;
  const std::vector<mrun::variant> inputs_;
};

int bench_bundle(const Options &o) {
  if (o.run.max_delay > 0)
    throw mrun::failure(MRUN_USAGE, "--max-delay: is for inputs that come one by one; here all are there");
  o.run.load_plugins();
  const mrun::bundle bundle = open_bundle(o.bundle);
  const std::deque<Measured> all = Bench(o, bundle).all();
  print((o.json ? as_json : as_table)(all));
  const bool failed = std::any_of(all.begin(), all.end(), [](const Measured &m) { return m.times.failed() > 0; });
  return failed ? some_failed : ok;
}

}  // namespace

int bench(std::vector<std::string> args) {
  Options o;
  CommandLine app(
      "Answers the inputs again and again, with other numbers of workers and rows of a batch, and says how fast.\n"
      "Inputs are read before. --workers and --batch-size measure that one alone.",
      "bench");
  app.add_option("BUNDLE", o.bundle, "a .mb file or a folder; model.mb@2 is its revision 2").required();
  add_input_options(app, o.inputs);
  app.add_option("--seconds", o.seconds, "how long to measure, all settings together (default 5)")
      .check(number(0.01, 86400));
  app.add_flag("--json", o.json, "as JSON, times in seconds");
  o.run.add_to(app);
  return parse_and_run(app, std::move(args), [&] { return bench_bundle(o); });
}

}  // namespace command
