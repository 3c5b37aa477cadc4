// mrun-worker: runs one bundle, locked up, for the mrun that started it.
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "isolate/worker/descriptors.h"
#include "isolate/worker/server.h"

namespace {

constexpr int refused = 1, by_hand = 2;

// The parent says why in its own words; what it cannot read any more is on standard error.
int refuse(mrun::Channel &channel, const mrun::Error &e) {
  try {
    channel.send(mrun::Kind::refused, 0, mrun::WireWriter().error(e).finish());
  } catch (const mrun::Error &) { std::fprintf(stderr, "mrun-worker: %s\n", e.message.c_str()); }
  return refused;
}

int work() {
  mrun::Channel channel(mrun::UniqueFd(mrun::channel_descriptor), "mrun");
  mrun::Channel items(mrun::UniqueFd(mrun::items_descriptor), "mrun");
  try {
    mrun::Activity activity(mrun::activity_descriptor);
    mrun::Server server(channel, items, activity);
    server.prepare();
    server.serve();
  } catch (const mrun::Error &e) { return refuse(channel, e); } catch (const std::exception &e) {
    return refuse(channel, mrun::Error(MRUN_INTERNAL, e.what()));
  }
}

}  // namespace

int main() {
  // A socket has no position. What has one, or is not open, was not given by mrun.
  if (::lseek(mrun::channel_descriptor, 0, SEEK_CUR) == 0 || errno == EBADF) {
    std::fputs("mrun-worker: is started by mrun, not by hand\n", stderr);
    return by_hand;
  }
  // OpenBLAS would start threads while it is loaded, which nothing but the filter could lock up afterwards. How many it may
  // use is set before each run.
  ::setenv("OPENBLAS_NUM_THREADS", "1", 1);
  ::_exit(work());
}
