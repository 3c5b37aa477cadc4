#include "scope.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <ATen/ops/ones.h>
#include <c10/core/Allocator.h>
#include <torch/version.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <limits>
#include <mrun/plugin.hpp>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "checks.h"
#include "spare_blocks.h"

// OpenBLAS has threads of its own, one setting for the process; another BLAS library does not have this function.
extern "C" __attribute__((weak)) void openblas_set_num_threads(int threads);

namespace mrun_torch {
namespace {

// The call that runs on this thread; a serial number, since addresses of calls come again.
thread_local mrun_call *current_call = nullptr;
thread_local uint64_t current_serial = 0;

// libtorch's pool has a thread for each processor or as many as are wanted. Each thread that first runs operators has it made anew,
// beside the old one, and it waits for ever for one that the system refuses. So as many are made and ended first, and OpenBLAS's and
// some of the host's with them. Where a machine has many processors a share of them is tried alone. Throws MEMORY.
void try_threads(int32_t wanted) {
  static std::mutex one;
  static size_t tried = 0;
  const auto largest = static_cast<size_t>(std::max<long>({wanted, ::sysconf(_SC_NPROCESSORS_CONF), 1}));
  constexpr size_t enough = 64;
  const size_t most = std::min(3 * (largest - 1) + 4, enough);  // the caller is one of each
  const std::lock_guard lock(one);
  if (most <= tried) return;
  std::mutex all_made;
  std::vector<std::thread> made;
  made.reserve(most);
  std::error_code refused;
  {
    const std::lock_guard not_yet(all_made);
    try {
      while (made.size() < most) made.emplace_back([&] { const std::lock_guard wait(all_made); });
    } catch (const std::system_error &e) { refused = e.code(); }
  }
  for (std::thread &t : made) t.join();
  if (refused) {
    throw mrun::error(MRUN_MEMORY, "libtorch wants " + std::to_string(most) +
                                       " more threads, and not all can be started (" + refused.message() +
                                       "): let the process have more (ulimit -u, a container's pids.max)");
  }
  tried = most;
}

void use_threads(int32_t wanted) {
  thread_local int32_t set = 0;
  static std::atomic<int32_t> set_in_blas{0};
  if (wanted == set) return;
  try_threads(wanted);
  at::set_num_threads(wanted);  // OpenMP keeps this for each thread
  if (openblas_set_num_threads != nullptr && set_in_blas.exchange(wanted) != wanted) openblas_set_num_threads(wanted);
  set = wanted;
}

// What is freed while its call lasts is given back at once; the host takes the rest back when the call ends and charges
// what leaves as a result.
class ChargedAllocator final : public c10::Allocator {
 public:
#if TORCH_VERSION_MAJOR >= 2
  c10::DataPtr allocate(size_t bytes) override { return make(bytes); }
  void copy_data(void *to, const void *from, size_t count) const override { default_copy_data(to, from, count); }
#else
  c10::DataPtr allocate(size_t bytes) const override { return make(bytes); }
#endif
  c10::DeleterFnPtr raw_deleter() const override { return &release; }

 private:
  struct alignas(64) Header {  // before the memory, which stays aligned to 64
    uint64_t serial;
    size_t bytes;
  };

  static c10::DataPtr make(size_t bytes) {
    const c10::Device device(c10::kCPU);
    if (bytes == 0) return {nullptr, nullptr, &release, device};
    if (current_call != nullptr) mrun::check(mrun::host->charge(current_call, static_cast<int64_t>(bytes)));
    auto *header = static_cast<Header *>(take_block(bytes + sizeof(Header)));
    header->serial = current_serial;
    header->bytes = bytes;
    return {header + 1, header + 1, &release, device};
  }

  static void release(void *memory) {
    if (memory == nullptr) return;
    Header *header = static_cast<Header *>(memory) - 1;
    if (current_call != nullptr && header->serial == current_serial) {
      mrun::host->charge(current_call, -static_cast<int64_t>(header->bytes));
    }
    give_block(header, header->bytes + sizeof(Header));
  }
};

}  // namespace

Scope::Scope(mrun_call *call, Kind kind)
    : mode_(kind == run || TORCH_VERSION_MAJOR < 2),
      checks_(checks_key),
      outer_call_(current_call),
      outer_serial_(current_serial) {
  static std::atomic<uint64_t> serials{0};
  if (kind == load) no_grad_.emplace();
  use_threads(mrun::host->threads(call));
  current_call = kind == run ? call : nullptr;
  if (call != outer_call_) current_serial = ++serials;
}

Scope::~Scope() {
  current_call = outer_call_;
  current_serial = outer_serial_;
}

void charge_current(int64_t count, int64_t bytes_each) {
  int64_t bytes = 0;
  if (current_call == nullptr || count <= 0) return;
  if (__builtin_mul_overflow(count, bytes_each, &bytes)) bytes = std::numeric_limits<int64_t>::max();
  mrun::check(mrun::host->charge(current_call, bytes));
}

void poll_current() {
  if (current_call != nullptr) mrun::check(mrun::host->stopped(current_call));
}

void prepare_libtorch() {
  static ChargedAllocator allocator;
  c10::SetAllocator(c10::kCPU, &allocator);
  at::set_num_interop_threads(1);
  // Where nothing can be opened later, the first use would be too late: the first operator reads /proc/cpuinfo, and whatever can draw
  // makes libtorch's own generator, which reads /dev/urandom, though it is given another.
  at::ones({2}).add_(1);
  at::detail::getDefaultCPUGenerator();
  register_checks();
}

}  // namespace mrun_torch
