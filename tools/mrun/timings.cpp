#include "timings.h"

#include <cstdio>

namespace command {
namespace {

double number(const mrun_value *map, const char *key) {
  const mrun_value *v = map == nullptr ? nullptr : mrun_get(map, key);
  if (v == nullptr) return 0;
  return v->kind == MRUN_INT ? static_cast<double>(v->as.integer) : v->as.number;
}

}  // namespace

void print_timings(const mrun::engine &engine) {
  char *json = nullptr;
  if (mrun_statistics(engine.raw(), &json) != MRUN_OK) return;
  const std::unique_ptr<char, void (*)(void *)> owner(json, mrun_free);
  const mrun::variant statistics = mrun::from_json(json);
  const mrun_value *stages = mrun_get(&statistics.c(), "stages");
  const double items = number(&statistics.c(), "items");
  std::fprintf(stderr, "%.0f item%s, %.0f failed; milliseconds an item:\n", items, items == 1 ? "" : "s",
               number(&statistics.c(), "failed"));
  std::fprintf(stderr, "%-12s %9s %9s %9s %9s\n", "", "mean", "p50", "p95", "p99");
  for (const char *stage : {"queue", "preprocess", "batch", "forward", "postprocess"}) {
    const mrun_value *s = stages == nullptr ? nullptr : mrun_get(stages, stage);
    std::fprintf(stderr, "%-12s %9.3f %9.3f %9.3f %9.3f\n", stage, number(s, "mean") * 1e3, number(s, "p50") * 1e3,
                 number(s, "p95") * 1e3, number(s, "p99") * 1e3);
  }
}

}  // namespace command
