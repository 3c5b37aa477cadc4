#include "base/budget.h"

#include <algorithm>
#include <cstdlib>

namespace mrun {
namespace {

// The shares of a call grow by so much: of small tensors by one step.
constexpr int64_t step = 4096;

}  // namespace

bool Budget::charge_shares(int64_t bytes) noexcept {
  const auto n = static_cast<int64_t>(sharers_.size());
  // It depends on the amount alone, so that giving back the same amount undoes it.
  const int64_t share = std::abs(bytes / n) + (bytes % n != 0 ? 1 : 0);
  if (bytes > 0) {
    if (!take_share(share)) return false;
  } else {
    spare_.fetch_add(share);
    if (settled_.load()) give_back_spare();
  }
  used_.fetch_add(bytes, std::memory_order_relaxed);
  return true;
}

bool Budget::take_share(int64_t share) noexcept {
  int64_t spare = spare_.load(), taken = 0;
  do { taken = std::min(spare, share); } while (!spare_.compare_exchange_weak(spare, spare - taken));
  if (taken == share) return true;
  const int64_t more = (share - taken + step - 1) / step * step;
  for (size_t i = 0; i < sharers_.size(); ++i) {
    if (sharers_[i]->charge(more)) continue;
    while (i-- > 0) sharers_[i]->charge(-more);
    spare_.fetch_add(taken);
    return false;
  }
  spare_.fetch_add(more - (share - taken));
  return true;
}

void Budget::give_back_spare() noexcept {
  const int64_t spare = spare_.exchange(0);
  for (const auto &sharer : sharers_) sharer->charge(-spare);
}

void Budget::settle() noexcept {
  settled_.store(true);
  give_back_spare();
}

}  // namespace mrun
