// What mrun bench has measured of one setting, and how it is told.
#pragma once
#include <mrun/mrun.hpp>

#include <deque>
#include <mutex>
#include <string>
#include <vector>

namespace command {

// What items took, in seconds, without the wait for a worker: the queue is kept full. Filled from the engine's threads.
class Times {
 public:
  static constexpr const char *stages[] = {"preprocess", "batch", "forward", "postprocess", "all"};
  static constexpr size_t all = 4;

  void add(const mrun_result &);
  void sort();
  size_t items() const { return taken_[0].size(); }
  size_t failed() const { return failed_; }
  // Of the sorted times.
  double quantile(size_t stage, double q) const;

 private:
  std::mutex mutex_;
  std::vector<double> taken_[std::size(stages)];
  size_t failed_ = 0;
};

struct Setting {
  int workers = 1, batch_size = 1;
};

struct Measured {
  Setting setting;
  Times times;
  double seconds = 0;  // that all items took together
  double joined = 0;   // calls that ran together, on average; 0: the bundle calls no model
  double rate() const { return static_cast<double>(times.items()) / seconds; }
};

// The setting to use: the one of fewest rows and workers whose rate is near the best.
const Measured &recommended(const std::deque<Measured> &);
// "--workers 2 --batch-size 64"
std::string options_of(const Measured &);

std::string as_table(const std::deque<Measured> &);
std::string as_json(const std::deque<Measured> &);

}  // namespace command
