#include "exec/exact.h"

#include <algorithm>
#include <cstring>

#include "exec/batch/collate.h"
#include "exec/batch/split.h"
#include "value/equal.h"

namespace mrun {
namespace {

constexpr int64_t variants = 4;

// The same with its elements turned round by `n` places: another row of the same kind, its values still in their domain.
Value turned(const Value &v, int64_t n, const std::shared_ptr<Budget> &budget) {
  if (!v.is_tensor() || v.as_tensor().numel() < 2 || !v.as_tensor().on_cpu()) return v;
  const Tensor from = v.as_tensor().contiguous(budget);
  Tensor to = Tensor::empty(from.dtype(), from.shape(), budget);
  const size_t cut = item_size(from.dtype()) * static_cast<size_t>(n % from.numel());
  std::memcpy(to.data<char>(), from.data<char>() + cut, from.nbytes() - cut);
  std::memcpy(to.data<char>() + from.nbytes() - cut, from.data<char>(), cut);
  return to;
}

class Prover {
 public:
  Prover(Model &model, const PendingCall &call, ItemContext &item)
      : model_(model),
        call_(call),
        item_(item),
        schema_(model.methods()[call.method]),
        config_(model.batch(call.method, call.by_rows)) {
    for (int64_t n = 0; n < variants; ++n) {
      for (const Value &v : call.args) rows_[n].push_back(turned(v, n, item.budget));
    }
  }

  // Each variant alone (behind it only copies of itself), and in the middle and at the end of the others.
  bool exact() {
    const int64_t places = exact_rows / std::max<int64_t>(call_.rows, 1);
    for (int64_t n = 0; n < variants; ++n) {
      const std::vector<Value> alone = at(n, 0, 1);
      for (const int64_t place : {places / 2, places - 1}) {
        if (place > 0 && !same(alone, at(n, place, place + 1))) return false;
      }
      if (places > 1 && !same(alone, at(n, 0, places))) return false;
    }
    return true;
  }

 private:
  // The results of variant n at a place among `count` calls.
  std::vector<Value> at(int64_t n, int64_t place, int64_t count) {
    std::vector<CallArguments> calls;
    for (int64_t i = 0; i < count; ++i) calls.emplace_back(rows_[i == place ? n : (n + i + 1) % variants]);
    BatchContext context({&item_});
    const Batch batch = collate(schema_, config_, std::move(calls), {context.budget(), exact_rows});
    const auto results = split(schema_, config_, batch, model_.run(context, call_.method, batch.args));
    return results[static_cast<size_t>(place)];
  }

  // Tensors to the bit.
  static bool same(const std::vector<Value> &a, const std::vector<Value> &b) { return std::ranges::equal(a, b, equal); }

  Model &model_;
  const PendingCall &call_;
  ItemContext &item_;
  const Schema &schema_;
  const BatchConfig &config_;
  std::vector<Value> rows_[variants];
};

}  // namespace

void want_exact(Model &model, const PendingCall &call, ItemContext &item) {
  if (model.exact_proof().holds(call.key, [&] { return Prover(model, call, item).exact(); })) return;
  fail(MRUN_MODEL,
       "not exact here: what {} gives for a row depends on its place or its companions in a batch of {} rows, with the "
       "libraries of this machine; leave --exact out, or set [batch] mode = \"none\"",
       model.methods()[call.method].name, exact_rows);
}

}  // namespace mrun
