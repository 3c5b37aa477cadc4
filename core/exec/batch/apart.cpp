#include "exec/batch/apart.h"

#include <algorithm>
#include <utility>

#include "value/map_tensors.h"

namespace mrun {
namespace {

// Where the rows of a tensor lie, in bytes: the first in [first, first_end), each further one a step on.
struct Rows {
  explicit Rows(const Tensor &t)
      : first(reinterpret_cast<uintptr_t>(t.data<const char>())), item(item_size(t.dtype())), count(t.size(0)) {
    const Shape strides = t.strides();
    uint64_t reach = 1;
    for (int32_t d = 1; d < t.dim(); ++d) reach += static_cast<uint64_t>((t.size(d) - 1) * strides[d]);
    step = static_cast<uint64_t>(strides[0]) * item;
    first_end = first + reach * item;
  }
  uint64_t end() const { return first_end + static_cast<uint64_t>(count - 1) * step; }

  uint64_t first, first_end = 0, step = 0, item;
  int64_t count;
};

// No element lies over another: each step passes all that the smaller ones reach.
bool distinct_elements(const Tensor &t) {
  std::vector<std::pair<int64_t, int64_t>> dims;  // stride, size
  for (int32_t d = 0; d < t.dim(); ++d) {
    if (t.size(d) > 1) dims.emplace_back(t.strides()[d], t.size(d));
  }
  std::sort(dims.begin(), dims.end());
  int64_t reach = 1;
  for (const auto &[stride, size] : dims) {
    if (stride < reach) return false;
    reach += (size - 1) * stride;
  }
  return true;
}

bool own_rows_apart(const Tensor &t, const Rows &rows) {
  return rows.step >= rows.first_end - rows.first || distinct_elements(t);
}

// Row i of one and row k of the other, i and k different, cannot meet: they lie in different memory, or side by side within a step.
bool disjoint(const Rows &a, const Rows &b) {
  if (a.end() <= b.first || b.end() <= a.first) return true;
  return a.step == b.step && std::max(a.first_end, b.first_end) - std::min(a.first, b.first) <= a.step;
}

class Separator {
 public:
  explicit Separator(const std::shared_ptr<Budget> &budget) : budget_(budget) {}

  Value tensor(const Tensor &t) {
    if (t.readonly() || t.dim() == 0 || t.numel() == 0 || t.size(0) < 2 || !t.on_cpu()) return t;
    const Rows rows(t);
    const bool kept =
        own_rows_apart(t, rows) && std::ranges::all_of(seen_, [&](const Rows &other) { return disjoint(rows, other); });
    if (!kept) return t.clone(budget_);
    seen_.push_back(rows);
    return t;
  }

 private:
  const std::shared_ptr<Budget> &budget_;
  std::vector<Rows> seen_;
};

}  // namespace

std::vector<Value> rows_apart(const std::vector<Value> &results, const std::shared_ptr<Budget> &budget) {
  Separator separator(budget);
  std::vector<Value> apart;
  apart.reserve(results.size());
  for (const Value &v : results) {
    apart.push_back(map_tensors(v, [&](const Tensor &t) { return separator.tensor(t); }));
  }
  return apart;
}

}  // namespace mrun
