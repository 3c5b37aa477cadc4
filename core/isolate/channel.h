// Channel: framed messages over a socket between mrun and its worker, with descriptors beside them.
//
//   frame    magic u32, version u16, kind u16, id u64, size u64, beside u64, descriptors u64, then `size` bytes of payload
//            (value/wire.h)
//   beside   bytes of shared memory that belong to the message. To the worker its descriptor comes with the header; a
//            worker makes no memory: it asks for some (wants, memory) and writes there
//
// Several small frames are read by one call: which of them a descriptor came with, its header says.
//
// What arrives is hostile until it is read: sizes are capped, and memory for a payload grows with what has come. Both
// ends close the channel at the first frame that is not right.
#pragma once
#include <array>
#include <atomic>
#include <chrono>
#include <deque>
#include <optional>
#include <vector>

#include "base/file.h"
#include "base/mutex.h"
#include "value/wire.h"

namespace mrun {

inline constexpr uint16_t protocol_version = 4;  // both ends come from one build; a worker of another is refused

enum class Kind : uint16_t {
  // to the worker
  prepare = 1,    // options: load the plugins, lock down
  files,          // descriptors of a bundle's files
  open,           // start the engine
  run,            // an item by itself: by the channel for such alone, and so comes a result that has nothing beside it
  run_submitted,  // the same of a submitted item: its result comes with the others'
  submit,         // an item of many, or one that comes while another runs by itself
  cancel,
  end,         // of the input
  statistics,  // are wanted
  memory,      // that was asked for (wants)
  // from the worker
  locked,  // what holds it now
  opened,
  refused,  // an Error: no engine
  partial,  // what an item's script emitted
  observed,
  result,
  log,
  trace,
  counts,  // the statistics
  wants    // shared memory for a result
};
inline constexpr Kind first_of_worker = Kind::locked, last_kind = Kind::wants;

struct Frame {
  Kind kind{};
  uint64_t id = 0;
  Tensor payload;             // 1-D uint8
  size_t beside = 0;          // bytes of the first descriptor that belong to it
  std::vector<UniqueFd> fds;  // that came with it
};

// now: what was gathered goes before it. gathered: a small frame waits for flush(), for the next that is sent, or until many
// wait, as a system call and the other end's waking for each would take longer than many an item.
enum class Sending { now, gathered };

class Channel {
 public:
  static constexpr uint64_t largest = uint64_t{1} << 31;  // payload
  static constexpr size_t most_descriptors = 200;         // of a frame; the kernel's limit is 253
  static constexpr size_t most_gathered = size_t{32} << 10;

  // peer: who is at the other end, for messages.
  Channel(UniqueFd socket, std::string peer) : socket_(std::move(socket)), peer_(std::move(peer)) {}
  int fd() const { return socket_.get(); }
  const std::string &peer() const { return peer_; }

  // One after the other, any thread. Throws CRASH where the other end is gone, PROTOCOL where it takes nothing in for
  // `patience`. Wants no memory but for what it throws.
  void send(Kind, uint64_t id, std::string_view payload, std::span<const int> fds = {}, size_t beside = 0);
  void gather(Kind, uint64_t id, std::string_view payload);  // as send(), but Sending::gathered
  void flush();
  void try_flush();  // where that need not wait, for whoever must not; else later
  // One thread. Nothing: the other end has closed. Throws PROTOCOL; `patience` is how long half a frame is waited for.
  std::optional<Frame> receive();
  // Frames that were sent: all of those that this thread, and who it waited for, have sent.
  uint64_t sent() const { return sent_; }
  // Of who receives: frames that receive() gave.
  uint64_t received() const { return received_; }
  // Whether the beginning of a frame has been read already: receive() need not wait for one.
  bool has_some() const { return begin_ < end_; }
  bool has_frame() const;                                            // a whole one
  void set_patience(std::chrono::milliseconds p) { patience_ = p; }  // negative: for ever
  void close_both_ways();                                            // wakes whoever waits at either end

 private:
  struct Header;
  void wait_for(short events, const char *what) const;
  void send_bytes(std::string_view header, std::string_view payload, std::span<const int> fds);
  void send_gathered() REQUIRES(sending_);
  size_t receive_some(char *out, size_t n);
  bool fill(size_t wanted);
  void take(char *out, size_t n);
  Tensor receive_payload(size_t n);
  std::vector<UniqueFd> take_descriptors(uint64_t count);

  const UniqueFd socket_;
  const std::string peer_;
  Mutex sending_;
  std::array<char, most_gathered> gathered_ GUARDED_BY(sending_);
  size_t gathered_size_ GUARDED_BY(sending_) = 0, gathered_frames_ GUARDED_BY(sending_) = 0;
  std::atomic<uint64_t> sent_{0};
  std::chrono::milliseconds patience_{-1};
  // Of who receives: what was read ahead, and descriptors that came.
  std::vector<char> ahead_;
  size_t begin_ = 0, end_ = 0;
  uint64_t received_ = 0;
  std::deque<UniqueFd> came_;
};

}  // namespace mrun
