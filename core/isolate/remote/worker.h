// RemoteWorker: a worker process with the bundle open in it, and the frames to and from it.
//
// send, kill and ring: any thread. answers and answer_of: the thread whose item runs by itself. All else: one thread, the
// session's keeper (before it the one that starts the worker).
#pragma once
#include <functional>

#include "isolate/hand_over.h"
#include "isolate/isolate.h"
#include "isolate/process.h"

namespace mrun {

class RemoteWorker {
 public:
  RemoteWorker();  // the process has started; nothing was said yet
  // Plugins and lock-down. Throws what the worker refuses with, CRASH, PROTOCOL, TIMEOUT.
  void prepare(const Preparation &);
  // on_log: what scripts log while they are opened.
  void open(const HandedFiles &, const Opening &, const std::function<void(Frame &)> &on_log);
  const Locked &locked() const { return locked_; }
  uint64_t block() const { return block_; }  // Facts::block

  Channel &channel() { return process_.channel(); }
  const Activity &activity() const { return process_.activity(); }
  void kill() noexcept { process_.kill(); }
  std::string end() { return process_.end(); }
  void forget() noexcept { process_.forget(); }

  // Sends an item, one of many (submit) or one that runs by itself (run, run_submitted); what is large goes beside it, and goes
  // now, as one that runs by itself does. Throws USAGE where the input cannot leave this process.
  void send(uint64_t id, const Work &, Kind how, Sending when);
  // Memory for `size` bytes of an item's result, which the worker fills. Kept until beside() takes it. Where there is none,
  // or the worker has not filled so much of what it has, it is told so, and an honest one sends the bytes in the message.
  void grant(uint64_t id, size_t size);
  // What the frame's large tensors lie in: from now on the worker cannot write there. Throws PROTOCOL.
  Tensor beside(const Frame &);
  // Whether the worker has said something, or has gone.
  bool has_said(std::chrono::milliseconds wait);

  // Of the thread that asked for an item by itself (run). Waits until its answer comes, the worker has gone, or somebody
  // rings: false. Then the answer: nothing, the worker has gone. Throws PROTOCOL.
  bool answers();
  std::optional<Answer> answer_of(uint64_t id);
  void ring() noexcept;

 private:
  void hand(const HandedFiles &);
  void send_item(uint64_t id, std::string_view payload, Kind how, std::span<const int> fds = {}, size_t beside = 0);
  Frame answer(Kind wanted, double seconds, const char *while_it, const std::function<void(Frame &)> &on_log);
  const UniqueFd bell_;
  WorkerProcess process_;
  Locked locked_;
  uint64_t block_ = 1;
  struct Grant {
    UniqueFd memory;
    size_t size = 0;
  };
  UniqueFd memory_to_grant(size_t size) const;
  UniqueFd take_back(uint64_t id);
  std::map<uint64_t, Grant> granted_;
  uint64_t address_space_ = 0;  // of the worker, which must map what it fills
  uint64_t granted_bytes_ = 0;  // of granted_; never above address_space_
};

}  // namespace mrun
