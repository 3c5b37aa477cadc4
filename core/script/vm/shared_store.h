// SharedStore: what bundle.shared and MRUN_OP_ONCE operations built, for all states of an engine. Any thread.
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "value/value.h"

namespace mrun {

class SharedStore {
 public:
  SharedStore();
  ~SharedStore();
  // The value of `key`, made by `make` by whoever comes first (others wait for it). An exception is not remembered.
  Value get(const std::string &key, const std::function<Value()> &make);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mrun
