#include "isolate/remote/worker.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>

#include "base/apart.h"
#include "base/sealed_file.h"
#include "exec/engine/job.h"
#include "isolate/shared_memory.h"

namespace mrun {
namespace {

constexpr double prepare_seconds = 120;  // plugins may come from a slow disk
constexpr double open_seconds = 60;      // and what a model's size and the limit of top-level code add
constexpr int files = 3;                 // that may have some
constexpr double bytes_a_second = 20e6;  // of a bundle, at the least
constexpr size_t most_granted = 64;      // results that wait for their memory to be filled: each has a descriptor open

// A core that sleeps for long takes longer to wake than many an item runs: so long a wait is slept in naps.
constexpr auto dozing = std::chrono::milliseconds(20);
constexpr timespec nap{0, 100'000};

int wait_for(std::span<pollfd> ends) {
  const auto end = Clock::now() + dozing;
  int ready = 0;
  do { ready = ::ppoll(ends.data(), ends.size(), &nap, nullptr); } while (ready == 0 && Clock::now() < end);
  return ready != 0 ? ready : ::poll(ends.data(), ends.size(), -1);
}

double seconds_to_open(uint64_t size, const EngineOptions &o) {
  if (o.start_timeout <= 0) return 1e9;
  return open_seconds + files * o.start_timeout + static_cast<double>(size) / bytes_a_second;
}

}  // namespace

RemoteWorker::RemoteWorker() : bell_(apart(UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)))) {
  if (!bell_) fail(MRUN_IO, "the worker process cannot be started: {}", strerror(errno));
}

bool RemoteWorker::answers() {
  pollfd p[] = {{process_.items().fd(), POLLIN, 0}, {bell_.get(), POLLIN, 0}};
  if (wait_for(p) <= 0) return false;
  uint64_t rings = 0;
  if (p[1].revents != 0 && ::read(bell_.get(), &rings, sizeof rings) < 0) return false;
  return p[0].revents != 0;
}

std::optional<Answer> RemoteWorker::answer_of(uint64_t id) {
  const std::optional<Frame> frame = process_.items().receive();
  if (!frame) return {};
  if (frame->kind != Kind::result || frame->id != id || frame->beside != 0 || !frame->fds.empty()) {
    fail(MRUN_PROTOCOL, "{} sent what is no answer to an item by itself", channel().peer());
  }
  return decode_answer({frame->payload, channel().peer(), {}, wire_values});
}

void RemoteWorker::ring() noexcept {
  const uint64_t once = 1;
  [[maybe_unused]] const ssize_t n = ::write(bell_.get(), &once, sizeof once);
}

bool RemoteWorker::has_said(std::chrono::milliseconds wait) {
  if (channel().has_some()) return true;
  pollfd p{process_.channel().fd(), POLLIN, 0};
  return ::poll(&p, 1, static_cast<int>(wait.count())) > 0;
}

// The frame of the wanted kind, or what the worker said instead.
Frame RemoteWorker::answer(Kind wanted, double seconds, const char *while_it,
                           const std::function<void(Frame &)> &on_log) {
  const auto begin = Clock::now();
  for (;;) {
    const double left = seconds - seconds_between(begin, Clock::now());
    if (left <= 0) {
      kill();
      fail(MRUN_TIMEOUT, "the worker process {} for more than {:.0f} s, and was ended", while_it, seconds);
    }
    if (!has_said(std::chrono::milliseconds(static_cast<int>(std::min(left, 1e3) * 1e3)))) continue;
    std::optional<Frame> frame = channel().receive();
    if (!frame) fail(MRUN_CRASH, "the worker process {} while it {}", end(), while_it);
    if (frame->kind == wanted) return std::move(*frame);
    if (frame->kind == Kind::refused) {
      WireReader in(frame->payload, channel().peer());
      Error refusal = in.error();
      if (refusal.code == MRUN_OK) fail(MRUN_PROTOCOL, "{} refused without an error", channel().peer());
      throw Error(std::move(refusal));
    }
    if (on_log == nullptr) fail(MRUN_PROTOCOL, "{} spoke out of turn", channel().peer());
    on_log(*frame);
  }
}

void RemoteWorker::prepare(const Preparation &preparation) {
  address_space_ = preparation.lockdown.address_space;
  try {
    channel().send(Kind::prepare, 0, encode(preparation));
  } catch (const Error &e) {
    if (e.code != MRUN_CRASH) throw;
    fail(MRUN_CRASH, "the worker process {} before it was told anything", end());
  }
  const Frame frame = answer(Kind::locked, prepare_seconds, "loaded plugins", nullptr);
  locked_ = decode_locked({frame.payload, channel().peer()});
}

void RemoteWorker::hand(const HandedFiles &files) {
  std::vector<int> fds;
  const auto flush = [&] {
    channel().send(Kind::files, 0, {}, fds);
    fds.clear();
  };
  for (const UniqueFd &fd : files.fds) {
    if (fds.size() == Channel::most_descriptors) flush();
    fds.push_back(fd.get());
  }
  flush();
}

void RemoteWorker::open(const HandedFiles &files, const Opening &opening, const std::function<void(Frame &)> &on_log) {
  try {
    hand(files);
    channel().send(Kind::open, 0, encode(opening));
  } catch (const Error &e) {
    if (e.code != MRUN_CRASH) throw;  // else answer() finds what it said before it ended, or how it did
  }
  const Frame opened = answer(Kind::opened, seconds_to_open(files.size, opening.options), "opened the bundle", on_log);
  WireReader in(opened.payload, channel().peer());
  block_ = static_cast<uint64_t>(std::max<int64_t>(1, in.integer()));
  in.finish();
}

void RemoteWorker::send_item(uint64_t id, std::string_view payload, Kind how, std::span<const int> fds, size_t beside) {
  (how == Kind::submit ? channel() : process_.items()).send(how, id, payload, fds, beside);
}

void RemoteWorker::send(uint64_t id, const Work &work, Kind how, Sending when) {
  WireWriter out(beside_from);
  encode(out, work);
  const size_t size = out.beside_size();
  if (size == 0 && how == Kind::submit && when == Sending::gathered) return channel().gather(how, id, out.finish());
  if (size == 0) return send_item(id, out.finish(), how);
  const int file = out.beside().size() == 1 ? SealedFile::descriptor_of(out.beside().front().bytes()) : -1;
  if (file >= 0) return send_item(id, out.finish(), how, {&file, 1}, size);  // which `work` keeps open
  UniqueFd memory;
  try {
    memory = share(out.beside(), size);
  } catch (const Error &) {  // the system gives none
    WireWriter whole;
    encode(whole, work);
    return send_item(id, whole.finish(), how);
  }
  const int fd = memory.get();
  send_item(id, out.finish(), how, {&fd, 1}, size);
}

UniqueFd RemoteWorker::memory_to_grant(size_t size) const {
  if (granted_.size() >= most_granted || size > address_space_ - granted_bytes_) return {};
  try {
    return make_shared_memory(size);
  } catch (const Error &) { return {}; }  // the system gives none
}

void RemoteWorker::grant(uint64_t id, size_t size) {
  if (size == 0) fail(MRUN_PROTOCOL, "{} wants memory of {} bytes", channel().peer(), size);
  take_back(id);
  UniqueFd memory = memory_to_grant(size);
  if (!memory) return channel().send(Kind::memory, id, {});
  const int fd = memory.get();
  granted_.emplace(id, Grant{std::move(memory), size});
  granted_bytes_ += size;
  channel().send(Kind::memory, id, {}, {&fd, 1}, size);
}

// Memory of an item that was never filled: the worker had no room to map it.
UniqueFd RemoteWorker::take_back(uint64_t id) {
  const auto at = granted_.find(id);
  if (at == granted_.end()) return {};
  UniqueFd memory = std::move(at->second.memory);
  granted_bytes_ -= at->second.size;
  granted_.erase(at);
  return memory;
}

// All of it or nothing: a part would keep the rest, which is counted nowhere, with the host.
Tensor RemoteWorker::beside(const Frame &frame) {
  if (!frame.fds.empty()) fail(MRUN_PROTOCOL, "{} sent a descriptor", channel().peer());
  if (frame.beside == 0) {
    if (frame.kind == Kind::result) take_back(frame.id);
    return {};
  }
  const auto at = granted_.find(frame.id);
  if (at == granted_.end() || at->second.size != frame.beside) {
    fail(MRUN_PROTOCOL, "{} names memory that it was not given", channel().peer());
  }
  const UniqueFd memory = take_back(frame.id);
  seal(memory.get(), channel().peer());
  return map_shared_memory(memory.get(), frame.beside, channel().peer());
}

}  // namespace mrun
