#include "isolate/channel.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <utility>

namespace mrun {
namespace {

constexpr uint32_t magic = 0x4b57524du;           // "MRWK"
constexpr size_t first_piece = size_t{64} << 10;  // of a payload, which grows as it comes; and what is read ahead
constexpr size_t at_once = size_t{256} << 10;     // so that a frame in the middle does not hold up a descriptor

iovec piece_of(std::string_view bytes) { return {const_cast<char *>(bytes.data()), std::min(bytes.size(), at_once)}; }

bool is_temporary(int error) { return error == EINTR || error == EAGAIN || error == EWOULDBLOCK; }

}  // namespace

struct Channel::Header {
  uint32_t magic;
  uint16_t version, kind;
  uint64_t id, size, beside, descriptors;
};

void Channel::wait_for(short events, const char *what) const {
  pollfd p{socket_.get(), events, 0};
  int ready = 0;
  do { ready = ::poll(&p, 1, static_cast<int>(patience_.count())); } while (ready < 0 && errno == EINTR);
  if (ready == 0) fail(MRUN_PROTOCOL, "{}: {} for {} ms", peer_, what, patience_.count());
}

void Channel::send_bytes(std::string_view header, std::string_view payload, std::span<const int> fds) {
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * most_descriptors)];
  while (!header.empty() || !payload.empty()) {
    iovec pieces[] = {piece_of(header), piece_of(payload)};
    msghdr message{};
    message.msg_iov = pieces;
    message.msg_iovlen = std::size(pieces);
    if (!fds.empty()) {
      message.msg_control = control;
      message.msg_controllen = CMSG_SPACE(fds.size_bytes());
      cmsghdr *const c = CMSG_FIRSTHDR(&message);
      c->cmsg_level = SOL_SOCKET;
      c->cmsg_type = SCM_RIGHTS;
      c->cmsg_len = CMSG_LEN(fds.size_bytes());
      std::memcpy(CMSG_DATA(c), fds.data(), fds.size_bytes());
    }
    // Never waits in the system: how long it may take is for wait_for() to say.
    const ssize_t n = ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n >= 0) {
      const size_t of_header = std::min(static_cast<size_t>(n), header.size());
      header.remove_prefix(of_header);
      payload.remove_prefix(static_cast<size_t>(n) - of_header);
      fds = {};
    } else if (is_temporary(errno)) {
      wait_for(POLLOUT, "took nothing in");
    } else {
      fail(MRUN_CRASH, "{}: is gone: {}", peer_, strerror(errno));
    }
  }
}

void Channel::send(Kind kind, uint64_t id, std::string_view payload, std::span<const int> fds, size_t beside) {
  if (payload.size() > largest) fail(MRUN_QUOTA, "a message of {} bytes is larger than {}", payload.size(), largest);
  const Header header{magic, protocol_version, static_cast<uint16_t>(kind), id, payload.size(), beside, fds.size()};
  const ExclusiveLock lock(sending_);
  send_gathered();
  send_bytes({reinterpret_cast<const char *>(&header), sizeof header}, payload, fds);
  ++sent_;
}

void Channel::gather(Kind kind, uint64_t id, std::string_view payload) {
  const Header header{magic, protocol_version, static_cast<uint16_t>(kind), id, payload.size(), 0, 0};
  const size_t size = sizeof header + payload.size();
  if (size > most_gathered) return send(kind, id, payload);
  const ExclusiveLock lock(sending_);
  if (gathered_size_ + size > most_gathered) send_gathered();
  char *const end = gathered_.data() + gathered_size_;
  std::memcpy(end, &header, sizeof header);
  std::copy(payload.begin(), payload.end(), end + sizeof header);
  gathered_size_ += size;
  ++gathered_frames_;
}

void Channel::flush() {
  const ExclusiveLock lock(sending_);
  send_gathered();
}

void Channel::try_flush() {
  if (!sending_.try_lock()) return;
  const ExclusiveLock lock(sending_, std::adopt_lock);
  pollfd p{socket_.get(), POLLOUT, 0};
  if (::poll(&p, 1, 0) > 0) send_gathered();
}

// Where it throws, the other end is not there any more, and nothing is kept for it.
void Channel::send_gathered() {
  if (gathered_size_ == 0) return;
  const size_t size = std::exchange(gathered_size_, 0), frames = std::exchange(gathered_frames_, 0);
  send_bytes({}, {gathered_.data(), size}, {});
  sent_ += frames;
}

// Some bytes, 0 at the end. Descriptors that come are kept.
size_t Channel::receive_some(char *out, size_t n) {
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * most_descriptors)];
  iovec piece{out, n};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t got = 0;
  do { got = ::recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC); } while (got < 0 && errno == EINTR);
  // The other end was closed before it had read all that was sent to it: an end like another.
  if (got < 0 && errno == ECONNRESET) return 0;
  if (got < 0) fail(MRUN_CRASH, "{}: is gone: {}", peer_, strerror(errno));
  for (cmsghdr *c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
      came_.emplace_back(fd);
    }
  }
  const bool cut = (message.msg_flags & MSG_CTRUNC) != 0;
  if (cut || came_.size() > most_descriptors) fail(MRUN_PROTOCOL, "{}: sent stray descriptors", peer_);
  return static_cast<size_t>(got);
}

// So many bytes lie ahead, and what else has come with them. False: nothing came, the other end has closed.
bool Channel::fill(size_t wanted) {
  ahead_.resize(first_piece);
  if (begin_ + wanted > ahead_.size()) {
    std::memmove(ahead_.data(), ahead_.data() + begin_, end_ - begin_);
    end_ -= std::exchange(begin_, 0);
  }
  while (end_ - begin_ < wanted) {
    if (has_some()) wait_for(POLLIN, "sent half a message and then nothing");
    const size_t more = receive_some(ahead_.data() + end_, ahead_.size() - end_);
    if (more == 0 && !has_some()) return false;
    if (more == 0) fail(MRUN_PROTOCOL, "{}: closed in the middle of a message", peer_);
    end_ += more;
  }
  return true;
}

// The rest of a frame that has begun: what lies ahead of it, then what is still to come.
void Channel::take(char *out, size_t n) {
  const size_t here = std::min(n, end_ - begin_);
  std::copy_n(ahead_.data() + begin_, here, out);
  begin_ += here;
  if (begin_ == end_) begin_ = end_ = 0;
  for (size_t got = here; got < n;) {
    wait_for(POLLIN, "sent half a message and then nothing");
    const size_t more = receive_some(out + got, n - got);
    if (more == 0) fail(MRUN_PROTOCOL, "{}: closed in the middle of a message", peer_);
    got += more;
  }
}

Tensor Channel::receive_payload(size_t n) {
  Tensor bytes = Tensor::empty(dtype::uint8, {static_cast<int64_t>(std::min(n, first_piece))});
  for (size_t got = 0; got < n;) {
    if (got == bytes.nbytes()) {
      Tensor larger = Tensor::empty(dtype::uint8, {static_cast<int64_t>(std::min(n, 4 * got))});
      std::memcpy(larger.data<char>(), bytes.data<char>(), got);
      bytes = std::move(larger);
    }
    take(bytes.data<char>() + got, bytes.nbytes() - got);
    got = bytes.nbytes();
  }
  return bytes;
}

std::vector<UniqueFd> Channel::take_descriptors(uint64_t count) {
  if (count > came_.size()) fail(MRUN_PROTOCOL, "{}: {} descriptors came where {} should", peer_, came_.size(), count);
  const auto last = came_.begin() + static_cast<ptrdiff_t>(count);
  std::vector<UniqueFd> taken(std::make_move_iterator(came_.begin()), std::make_move_iterator(last));
  came_.erase(came_.begin(), last);
  // Nothing lies ahead that they could belong to.
  if (!has_some() && !came_.empty()) fail(MRUN_PROTOCOL, "{}: sent stray descriptors", peer_);
  return taken;
}

std::optional<Frame> Channel::receive() {
  Header header{};
  Frame frame;
  if (!fill(sizeof header)) return std::nullopt;
  take(reinterpret_cast<char *>(&header), sizeof header);
  if (header.magic != magic) fail(MRUN_PROTOCOL, "{}: sent what is no message", peer_);
  if (header.version != protocol_version) {
    fail(MRUN_PROTOCOL, "{}: speaks version {} of the protocol, {} is wanted", peer_, header.version, protocol_version);
  }
  if (header.kind == 0 || header.kind > static_cast<uint16_t>(last_kind)) {
    fail(MRUN_PROTOCOL, "{}: there is no message of kind {}", peer_, header.kind);
  }
  if (header.size > largest) {
    fail(MRUN_PROTOCOL, "{}: a message of {} bytes, {} are the most", peer_, header.size, largest);
  }
  frame.kind = static_cast<Kind>(header.kind);
  frame.id = header.id;
  frame.beside = header.beside;
  frame.payload = receive_payload(header.size);
  frame.fds = take_descriptors(header.descriptors);
  ++received_;
  return frame;
}

bool Channel::has_frame() const {
  const size_t here = end_ - begin_;
  Header header{};
  if (here < sizeof header) return false;
  std::memcpy(&header, ahead_.data() + begin_, sizeof header);
  return header.size <= here - sizeof header;
}

void Channel::close_both_ways() { ::shutdown(socket_.get(), SHUT_RDWR); }

}  // namespace mrun
