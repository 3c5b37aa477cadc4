#include "report/conformance_arguments.h"

#include "base/block.h"
#include "value/map_tensors.h"
#include "value/tensor.h"

namespace mrun {
namespace {

constexpr size_t most_copied = size_t{1} << 20;  // bytes of a tensor
constexpr uint32_t holders = 2;                  // whoever has the value, and Holds

bool is_copied(const Value &v) {
  if (!v.is_tensor()) return v.is_string() || v.is_list() || v.is_map();
  const Tensor t = Tensor::copy(v.c());
  return t.on_cpu() && t.nbytes() <= most_copied;
}

Block *block_of(const Value &v) { return static_cast<Block *>(v.is_tensor() ? v.c().as.tensor.owner : v.c().owner); }

}  // namespace

Value apart(const Value &v) {
  return map_leaves(v, [](const Value &leaf) {
    if (leaf.is_string()) return Value::string(leaf.as_string());
    return leaf.is_tensor() && is_copied(leaf) ? Value(Tensor::copy(leaf.c()).clone()) : leaf;
  });
}

void Holds::hold(const Value &v) {
  if (!is_copied(v) || block_of(v) == nullptr) return;
  held_.push_back(v);
  if (v.is_list()) {
    for (const Value &item : v.as_list()) hold(item);
  }
  if (v.is_map()) {
    for (const Entry &e : v.as_map()) hold(e.value());
  }
}

bool Holds::mend() {
  bool lost = false;
  for (const Value &v : held_) {
    for (Block *const block = block_of(v); block->references() < holders; lost = true) block->retain();
  }
  return lost;
}

}  // namespace mrun
