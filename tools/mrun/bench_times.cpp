#include "bench_times.h"

#include <fmt/format.h>
#include <mrun/message.hpp>

#include <algorithm>
#include <cstdio>

#include "base/percentile.h"

namespace command {
namespace {

constexpr double near_the_best = 0.97;  // of its rate: what a larger batch must at least be worth

std::string setting_row(const Measured &m) {
  std::string row = fmt::format("{:7} {:10} {:12.1f} {:9.3f} {:9.3f} {:9.3f}", m.setting.workers, m.setting.batch_size,
                                m.rate(), m.times.quantile(Times::all, 0.5) * 1e3,
                                m.times.quantile(Times::all, 0.95) * 1e3, m.times.quantile(Times::all, 0.99) * 1e3);
  if (m.joined > 0) row += fmt::format(" {:8.1f}", m.joined);
  return row + "\n";
}

std::string stages_table(const Times &times) {
  std::string table = fmt::format("{:12} {:>9} {:>9} {:>9}   milliseconds an item\n", "", "p50", "p95", "p99");
  for (size_t i = 0; i < std::size(Times::stages); ++i) {
    table += fmt::format("{:12} {:9.3f} {:9.3f} {:9.3f}\n", Times::stages[i], times.quantile(i, 0.5) * 1e3,
                         times.quantile(i, 0.95) * 1e3, times.quantile(i, 0.99) * 1e3);
  }
  return table;
}

std::string quantiles(const Times &times, size_t stage) {
  char row[120];
  std::snprintf(row, sizeof row, R"("p50":%.9g,"p95":%.9g,"p99":%.9g)", times.quantile(stage, 0.5),
                times.quantile(stage, 0.95), times.quantile(stage, 0.99));
  return row;
}

std::string stages_json(const Times &times) {
  std::string stages;
  for (size_t i = 0; i < std::size(Times::stages); ++i) {
    stages += (i == 0 ? "\"" : ",\"") + std::string(Times::stages[i]) + "\":{" + quantiles(times, i) + "}";
  }
  return stages;
}

std::string setting_json(const Measured &m) {
  char row[160];
  std::snprintf(row, sizeof row, R"("workers":%d,"batch_size":%d,"joined":%.9g,"items_per_second":%.9g)",
                m.setting.workers, m.setting.batch_size, m.joined, m.rate());
  return row;
}

}  // namespace

void Times::add(const mrun_result &r) {
  const mrun_timings &t = r.time;
  const double values[] = {t.preprocess, t.batch, t.forward, t.postprocess};
  const std::lock_guard lock(mutex_);
  failed_ += r.code == MRUN_OK ? 0 : 1;
  double sum = 0;
  for (size_t i = 0; i < std::size(values); ++i) {
    taken_[i].push_back(values[i]);
    sum += values[i];
  }
  taken_[all].push_back(sum);
}

void Times::sort() {
  for (std::vector<double> &stage : taken_) std::sort(stage.begin(), stage.end());
}

double Times::quantile(size_t stage, double q) const { return mrun::percentile(taken_[stage], q); }

const Measured &recommended(const std::deque<Measured> &all) {
  double best = 0;
  for (const Measured &m : all) best = std::max(best, m.rate());
  const Measured *chosen = nullptr;
  for (const Measured &m : all) {
    if (m.rate() < best * near_the_best) continue;
    const bool smaller =
        chosen == nullptr || m.setting.batch_size < chosen->setting.batch_size ||
        (m.setting.batch_size == chosen->setting.batch_size && m.setting.workers < chosen->setting.workers);
    if (smaller) chosen = &m;
  }
  return *chosen;
}

std::string options_of(const Measured &m) {
  std::string options = "--workers " + std::to_string(m.setting.workers);
  if (m.joined > 0) options += " --batch-size " + std::to_string(m.setting.batch_size);
  return options;
}

std::string as_table(const std::deque<Measured> &all) {
  std::string table = fmt::format("{:>7} {:>10} {:>12} {:>9} {:>9} {:>9}", "workers", "batch size", "items/s", "p50 ms",
                                  "p95 ms", "p99 ms");
  table += all.front().joined > 0 ? "   joined\n" : "\n";
  for (const Measured &m : all) table += setting_row(m);
  const Measured &best = recommended(all);
  table += fmt::format("\nuse {}: {}, {} failed, in {:.1f} s: {:.1f} items/s\n", options_of(best),
                       mrun::counted(best.times.items(), "item"), best.times.failed(), best.seconds, best.rate());
  return table + stages_table(best.times);
}

std::string as_json(const std::deque<Measured> &all) {
  const Measured &best = recommended(all);
  std::string settings;
  for (const Measured &m : all) {
    settings += (settings.empty() ? "{" : ",{") + setting_json(m) + "," + quantiles(m.times, Times::all) + "}";
  }
  const std::string counts =
      fmt::format(R"("items":{},"failed":{},"seconds":{:.9g})", best.times.items(), best.times.failed(), best.seconds);
  return "{" + counts + "," + setting_json(best) + ",\"options\":\"" + options_of(best) + "\",\"stages\":{" +
         stages_json(best.times) + "},\"settings\":[" + settings + "]}\n";
}

}  // namespace command
