// Answers in input order, to standard output or to a file that appears when it is whole.
#pragma once
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

namespace command {

class Output {
 public:
  // Empty path: standard output. Else a temporary file beside `path`, renamed by finish(). Throws mrun::failure
  // (MRUN_IO).
  explicit Output(std::string path);
  ~Output();  // removes a file that was not finished
  Output(const Output &) = delete;
  Output &operator=(const Output &) = delete;

  // The text of item `number`, newline included; written once all before it are. Any thread. After a failed write it is
  // dropped.
  void put(uint64_t number, std::string text);
  // Item `number` is the last to be written, whatever comes after it; of several such the first.
  void end_at(uint64_t number);
  bool ended() const;  // all up to that item are written
  // At once, between items (--stream).
  void put_now(const std::string &text);
  // Waits until item `number` is at most `ahead` items beyond what has been written.
  void wait_for_room(uint64_t number, uint64_t ahead);
  bool failed() const;  // a write failed: nothing more will be written
  void finish();        // flush, rename. Throws the first write error

 private:
  void write(const std::string &text);

  std::string path_, temporary_, error_;
  int fd_ = -1;
  mutable std::mutex mutex_;
  std::condition_variable written_;
  std::map<uint64_t, std::string> waiting_;
  uint64_t next_ = 0, end_ = UINT64_MAX;
};

}  // namespace command
