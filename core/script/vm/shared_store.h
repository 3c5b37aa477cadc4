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
  // The value of `key`, made by `make` by whoever comes first. Others wait for it, and poll meanwhile, which may throw.
  // maker: who asks, one that does one thing at a time; where two wait for what the other makes, the later is refused
  // (SCRIPT). An exception is not remembered. Tensors of an item's input are kept as copies. What is kept is
  // never freed: QUOTA above `most_bytes` in all.
  Value get(const std::string &key, const void *maker, const std::function<Value()> &make,
            const std::function<void()> &poll);
  int64_t most_bytes = int64_t{4} << 30;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mrun
