// serve BUNDLE USERS: many users at once, each with a time limit; one leaves before the answer. An answer that comes too late
// is of no use, so the deadline counts the time in the queue, too.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <mrun/mrun.hpp>
#include <thread>

namespace {

struct Counts {
  std::atomic<int> answered{0}, late{0}, left{0}, failed{0};
};

// On one of the engine's threads. `user` is a Counts, which lives until the engine has stopped.
void note(void *user, mrun_result *r) {
  auto &counts = *static_cast<Counts *>(user);
  if (r->code == MRUN_OK) {
    ++counts.answered;
  } else if (r->code == MRUN_TIMEOUT) {
    ++counts.late;
  } else if (r->code == MRUN_CANCELLED) {
    ++counts.left;
  } else {
    ++counts.failed;
  }
}

// A request with `seconds` to live; one that does not fit into the queue at once is turned away.
void serve(mrun_engine *engine, const char *text, double seconds, bool leaves, Counts &counts) {
  const mrun_value input = mrun_text(text);
  mrun_item item;
  MRUN_INIT(item);
  item.json = 1;
  item.deadline = seconds;
  uint64_t id = 0;
  if (mrun_submit(engine, &input, &item, 0.0, note, &counts, &id) != MRUN_OK) {
    ++counts.late;
  } else if (leaves) {
    mrun_cancel(engine, id);  // its `note` still comes
  }
}

}  // namespace

int main(int argc, char **argv) {
  if (argc != 3) return std::fputs("usage: serve BUNDLE USERS\n", stderr), 2;
  try {
    const mrun::bundle bundle(argv[1]);
    mrun_options options;
    MRUN_INIT(options);
    options.queue = 1000;
    Counts counts;
    const int users = std::atoi(argv[2]);
    {
      const mrun::engine engine(bundle, &options);
      std::vector<std::thread> threads;
      for (int i = 0; i < users; ++i) {
        threads.emplace_back(
            [&, i] { serve(engine.raw(), "the way of the wicked", i % 5 == 4 ? 1e-6 : 60, i % 5 == 3, counts); });
      }
      for (std::thread &t : threads) t.join();
      engine.drain();
    }
    std::printf("%d users: %d answered, %d too late, %d left, %d failed\n", users, counts.answered.load(),
                counts.late.load(), counts.left.load(), counts.failed.load());
  } catch (const mrun::failure &e) { return std::fprintf(stderr, "serve: %s\n", e.what()), 1; }
}
