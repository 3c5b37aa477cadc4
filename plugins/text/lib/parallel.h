// A loop over several threads.
#pragma once
#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace text {

// body(i) for 0 <= i < count, on at most `threads` threads, the caller's included; on fewer where the system gives no more.
// The first exception ends the loop and is thrown here.
template <class Body>
void for_each_index(size_t count, int threads, Body body) {
  std::atomic<size_t> next{0};
  std::exception_ptr failure;
  std::mutex failing;
  auto work = [&] {
    try {
      for (size_t i; (i = next.fetch_add(1)) < count;) body(i);
    } catch (...) {
      next.store(count);
      std::lock_guard lock(failing);
      if (!failure) failure = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> helpers;
    const size_t most = std::min(count, size_t(std::max(threads, 1)));
    helpers.reserve(most);
    try {
      while (helpers.size() + 1 < most) helpers.emplace_back(work);
    } catch (const std::system_error &) {  // no thread could be made
    }
    work();
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace text
