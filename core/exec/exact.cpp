#include "exec/exact.h"

#include <algorithm>
#include <cstring>

#include "exec/batch/collate.h"
#include "exec/batch/rows.h"
#include "exec/batch/split.h"
#include "value/equal.h"
#include "value/map_tensors.h"

namespace mrun {
namespace {

constexpr int64_t variants = 4;  // different rows: each has three others for companions, and is at every place once

// The same with its elements turned round by `n` places: another row of the same kind, its values still in their domain.
Tensor turned(const Tensor &t, int64_t n, const std::shared_ptr<Budget> &budget) {
  if (t.numel() < 2 || !t.on_cpu()) return t;
  const Tensor from = t.contiguous(budget);
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
      for (const Value &v : call.args) rows_[n].push_back(variant(v, n));
    }
  }

  // Each variant alone (behind it only copies of itself), and at each place among the others.
  bool exact() {
    std::vector<Value> alone[variants];
    for (int64_t n = 0; n < variants; ++n) alone[n] = run(n, 1).front();
    for (int64_t shift = 0; shift < variants; ++shift) {
      const auto results = run(shift, exact_rows);
      for (int64_t place = 0; place < exact_rows; ++place) {
        if (!same(results[static_cast<size_t>(place)], alone[(shift + place) % variants])) return false;
      }
    }
    return true;
  }

 private:
  // Calls of one row, whatever the call has: what is found holds for all calls of its key, and those differ in their rows.
  Value variant(const Value &v, int64_t n) const {
    const bool many = config_.mode == BatchConfig::Mode::concat && call_.rows > 1;
    return map_tensors(many ? rows_of(v, n % call_.rows, 1) : v,
                       [&](const Tensor &t) { return turned(t, n, item_.budget); });
  }

  // The results of `count` calls in a batch: at place i that of variant (first + i) % variants.
  std::vector<std::vector<Value>> run(int64_t first, int64_t count) {
    std::vector<CallArguments> calls;
    for (int64_t i = 0; i < count; ++i) calls.emplace_back(rows_[(first + i) % variants]);
    BatchContext context({&item_});
    const Batch batch = collate(schema_, config_, std::move(calls), {context.budget(), exact_rows});
    return split(schema_, config_, batch, model_.run(context, call_.method, batch.args));
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
