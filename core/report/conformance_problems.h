// What the checks of a plugin have found, and how one call of native code is tried and judged.
#pragma once
#include <chrono>
#include <set>
#include <vector>

#include "plugin/call.h"
#include "report/conformance.h"
#include "report/conformance_process.h"

namespace mrun {

constexpr int64_t trial_memory = int64_t{256} << 20;         // that a call may hold
constexpr auto trial_time = std::chrono::milliseconds(500);  // that a call may take; one that polls ends soon after
constexpr auto quick = trial_time / 50;                      // what is called again and again is quicker than this
constexpr int trial_threads = 4, trial_repeats = 60;
constexpr size_t least_leak = 8;  // bytes that are kept by each round of repeated calls; less is the allocator's
constexpr size_t most_kept = 24;  // calls that are repeated, an operation

// What came of one call.
struct Trial {
  bool ok() const { return error.code == MRUN_OK; }
  Error error{MRUN_OK, ""};
  std::vector<Value> results;
  std::chrono::steady_clock::duration took{};
  int64_t still_charged = 0;  // of a call that failed
};

// Runs `f`, which gives the results or throws Error, for an item with the limits of a trial.
Trial try_call(const std::function<std::vector<Value>(ItemContext &)> &f);

class Problems {
 public:
  explicit Problems(const ConformanceNote &note) : note_(note) {}

  void note(const std::string &subject, const std::string &what) const { note_(subject + ": " + what); }
  void problem(const std::string &subject, const std::string &text);
  // Notes the call, runs it, and finds what no call may do: fail without a line, keep memory, change the process, give what
  // is no value, go on for long or leave behind what stays (of what is called; what is opened may hold it).
  Trial attempt(const std::string &subject, const std::string &what,
                const std::function<std::vector<Value>(ItemContext &)> &f, bool called = true);
  // Whether each call of it leaves files or threads behind: it is not called any more.
  bool leaves(const std::string &subject) const { return leaving_.count(subject) != 0; }
  void judge_failure(const std::string &subject, const std::string &what, const Error &);
  // Runs all that `calls` stands for, `count` calls, again and again: they may not keep `tolerable` bytes every time.
  void check_growth(const std::string &subject, size_t count, size_t tolerable, const std::function<void()> &calls);
  void add_calls(size_t n) { calls_ += static_cast<int64_t>(n); }

  Value problems() const { return Value::list(problems_); }
  int64_t calls() const { return calls_; }

 private:
  void judge_left(const std::string &subject, const std::string &what, const LeftBehind &before,
                  const std::function<std::vector<Value>(ItemContext &)> &f);

  const ConformanceNote &note_;
  LentFiles lent_;
  std::vector<Value> problems_;
  std::set<std::string> seen_, leaving_;
  int64_t calls_ = 0;
};

// The part of a plugin that registers operations, and the part that opens models.
struct Counted {
  int64_t checked = 0, answered = 0;
};
Counted check_operations(Registry &, const Plugin &, Problems &);
Counted check_models(Registry &, const Plugin &, const std::shared_ptr<const Bundle> &, Problems &);

}  // namespace mrun
