#include "exec/batch/context.h"

namespace mrun {

BatchContext::BatchContext(std::vector<ItemContext *> items) : items_(std::move(items)) {
  if (items_.size() == 1) return;  // the item's own budget, flag, seed and log
  std::vector<std::shared_ptr<Budget>> budgets;
  budgets.reserve(items_.size());
  for (const ItemContext *item : items_) budgets.push_back(item->budget);
  own_ = std::make_unique<ItemContext>();
  own_->budget = std::make_shared<Budget>(std::move(budgets));
  own_->threads = items_.front()->threads;  // of the engine, the same for all
  own_->log = items_.front()->log;          // of all, what a backend says would be told several times
}

BatchContext::~BatchContext() {
  if (own_) own_->budget->settle();
}

}  // namespace mrun
