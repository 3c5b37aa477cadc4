#include "timings.h"

#include <cstdio>
#include <memory>

#include "view.h"

namespace command {
namespace {

constexpr struct {
  const char *name;
  bool waiting;
} stages[] = {{"queue", true}, {"preprocess", false}, {"batch", true}, {"forward", false}, {"postprocess", false}};

// work: a stage's part of all the time that is no waiting.
void print_stages(const View &all) {
  const View taken = all.at("stages");
  const auto whole = [&](const char *stage) {
    return taken.at(stage).at("mean").number() * all.at("counts").at(stage).number();
  };
  double work = 0;
  for (const auto &stage : stages) work += stage.waiting ? 0 : whole(stage.name);
  for (const auto &stage : stages) {
    const View row = taken.at(stage.name);
    std::fprintf(stderr, "%-12s %9.0f", stage.name, all.at("counts").at(stage.name).number());
    for (const char *key : {"mean", "p50", "p95", "p99"}) std::fprintf(stderr, " %9.3f", row.at(key).number() * 1e3);
    if (stage.waiting) {
      std::fputs("     wait\n", stderr);
    } else {
      std::fprintf(stderr, " %6.1f %%\n", work > 0 ? whole(stage.name) / work * 100 : 0);
    }
  }
}

}  // namespace

void print_timings(const mrun::engine &engine, uint64_t unread) {
  char *json = nullptr;
  if (mrun_statistics(engine.raw(), &json) != MRUN_OK) return;
  const std::unique_ptr<char, void (*)(void *)> owner(json, mrun_free);
  const mrun::variant statistics = mrun::from_json(json);
  const View all{&statistics.c()};
  const std::string more = unread == 0 ? "" : ", " + mrun::counted(unread, "input") + " could not be read";
  std::fprintf(stderr, "%s, %.0f failed%s; milliseconds an item:\n",
               mrun::counted(all.at("items").number(), "item").c_str(), all.at("failed").number(), more.c_str());
  std::fprintf(stderr, "%-12s %9s %9s %9s %9s %9s %8s\n", "", "items", "mean", "p50", "p95", "p99", "work");
  print_stages(all);
  const double batches = all.at("batches").number();
  if (batches > 0) {
    std::fprintf(stderr, "%s of %.1f calls on average, at most %.0f; %.1f %% of what models got was filling\n",
                 mrun::counted(batches, "batch", "batches").c_str(), all.at("calls").number() / batches,
                 all.at("largest").number(), all.at("filling").number() * 100);
  }
  if (all.at("workers").number() > 0) {
    std::fprintf(stderr, "%s, busy %.0f %% of the time\n", mrun::counted(all.at("workers").number(), "worker").c_str(),
                 all.at("busy").number() * 100);
  }
}

}  // namespace command
