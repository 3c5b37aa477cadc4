// Answers in input order, to standard output or to a file that appears when it is whole.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "base/draft.h"

namespace command {

struct OutputOptions {
  std::string path;      // empty: standard output
  std::string identity;  // JSON of all that the answers depend on; empty: a run that is not kept
  bool resume = false;   // go on where a kept run of the same identity was interrupted
};

// Of a kept run the answers so far stand in .NAME.part beside the file, and its identity in .NAME.part.json; both go when
// the file is whole. A run that is interrupted, killed or ended by an error leaves them for --resume.
class Output {
 public:
  // Throws mrun::failure: MRUN_IO; MRUN_USAGE where there is nothing to resume, or what is there is of another run.
  // before_print is called before each write to standard output, under the output's lock.
  explicit Output(
      const OutputOptions &, std::function<void()> before_print = [] {});
  ~Output();  // removes a file that was not finished, but for one that is kept and holds answers
  Output(const Output &) = delete;
  Output &operator=(const Output &) = delete;

  uint64_t resumed() const { return resumed_; }                    // answers that were there already
  uint64_t resumed_failures() const { return resumed_failures_; }  // errors of items among them

  // The text of item `number`, newline included; written once all before it are. Any thread. After a failed write it is
  // dropped.
  void put(uint64_t number, std::string text);
  // Item `number` is the last to be written, whatever comes after it; of several such the first.
  void end_at(uint64_t number);
  bool ended() const;  // all up to that item are written
  // At once, between items (--stream).
  void put_now(const std::string &text);
  // Waits until item `number` is at most `ahead` items beyond what has been written, a write fails or an interrupt comes.
  void wait_for_room(uint64_t number, uint64_t ahead);
  bool appears() const { return draft_.has_value(); }  // as a file, once it is whole
  bool failed() const { return failed_; }              // a write failed: nothing more will be written
  void finish();                                       // flush, rename. Throws the first write error
  // The run was interrupted: nothing more is written. What was answered is kept for --resume; or it becomes the file, where
  // there is any and none of that name; or nothing has changed. Throws as finish().
  enum class Rest { kept, file, none };
  Rest end_early();

 private:
  void open_kept(const OutputOptions &);
  void check_kept(const OutputOptions &) const;
  void go_on();
  void write(const std::string &text);

  std::string path_, state_, error_;
  std::function<void()> before_print_;
  std::optional<mrun::FileDraft> draft_;  // of a file that is to appear
  mrun::UniqueFd special_;                // a device or pipe
  int fd_ = -1;                           // of one of them, or standard output
  uint64_t resumed_ = 0, resumed_failures_ = 0;
  mutable std::mutex mutex_;
  std::condition_variable written_;
  std::map<uint64_t, std::string> waiting_;
  // Set under the lock. Who submits looks at them for each item without it: a write may have it.
  std::atomic<uint64_t> next_{0};
  std::atomic<bool> failed_{false};
  uint64_t end_ = UINT64_MAX;
  bool closed_ = false;  // the run was interrupted
};

}  // namespace command
