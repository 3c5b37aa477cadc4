// A plugin for tests, whose library must not be in use when its destructors run: what still is at work then ends the process.
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <mrun/plugin.hpp>
#include <thread>

namespace {
std::atomic<bool> gone{false};

struct Leaves {
  ~Leaves() {
    gone = true;
    std::this_thread::sleep_for(std::chrono::milliseconds(200));  // who works sees it
  }
} leaves;

void work(const mrun::call &c) {
  while (!gone) {
    c.poll();
    std::this_thread::yield();
  }
  std::_Exit(9);
}
}  // namespace

MRUN_PLUGIN("leaving", "1.0.0", "For tests.", nullptr, "Apache-2.0") { op<work>("leaving.work@1() -> ()"); }
