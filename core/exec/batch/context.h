// What one joined call answers to: the items that it serves. It ends when all of them have ended; what it allocates is
// charged to each of them by an equal share.
#pragma once
#include <memory>
#include <span>
#include <vector>

#include "plugin/call.h"

namespace mrun {

class BatchContext {
 public:
  explicit BatchContext(std::vector<ItemContext *> items);  // at least one; they must outlive this
  ~BatchContext();
  BatchContext(const BatchContext &) = delete;
  BatchContext &operator=(const BatchContext &) = delete;

  ItemContext &item() { return own_ ? *own_ : *items_.front(); }
  // For mrun_call::batch: empty where the call serves one item.
  std::span<ItemContext *const> batch() const {
    return own_ ? std::span<ItemContext *const>(items_) : std::span<ItemContext *const>();
  }
  const std::shared_ptr<Budget> &budget() { return item().budget; }

 private:
  const std::vector<ItemContext *> items_;
  std::unique_ptr<ItemContext> own_;  // of several items
};

}  // namespace mrun
