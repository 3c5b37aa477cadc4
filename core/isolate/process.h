// WorkerProcess: a mrun-worker that was started, as its parent has it: its channels, the page that tells what runs, and a
// way to end it. Any thread may kill; the others one thread.
#pragma once
#include <sys/types.h>

#include <filesystem>
#include <string>

#include "isolate/activity.h"
#include "isolate/channel.h"

namespace mrun {

// MRUN_WORKER, or where it is installed: beside the plugins of this library or program, or beside it. Throws MISSING.
std::filesystem::path worker_path();

class WorkerProcess {
 public:
  // Starts it, never by a fork of this process alone: it has other threads. Of the descriptors it gets its channels and the
  // page, of the environment what tunes the arithmetic. Throws MISSING, IO, MEMORY.
  WorkerProcess();
  ~WorkerProcess();  // kills and reaps
  WorkerProcess(const WorkerProcess &) = delete;
  WorkerProcess &operator=(const WorkerProcess &) = delete;

  Channel &channel() { return *channel_; }
  // A second one, to the worker alone: items by themselves, which the thread that runs them reads.
  Channel &items() { return *items_; }
  const Activity &activity() const { return activity_; }
  pid_t pid() const { return pid_; }
  void kill() noexcept;
  // Waits for its end, and says how it ended: "was ended by signal 11 (Segmentation fault)". One that has closed its channel,
  // which honest ones do by ending, and does not end within seconds is killed.
  std::string end();
  void forget() noexcept { pid_ = -1; }  // in a forked child: it is another's

 private:
  void start(int channel, int items);
  bool ends_by_itself() const;
  Activity activity_;
  std::unique_ptr<Channel> channel_, items_;
  std::atomic<pid_t> pid_ = -1;
  UniqueFd pidfd_;  // that no other process can have, even where a host reaps its children itself
};

}  // namespace mrun
