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

  // The largest batch whose rows do not depend on each other, 0 if there is none.
  int64_t rows() {
    for (const int64_t rows : exact_ladder) {
      if (exact(rows)) return rows;
    }
    return 0;
  }

 private:
  // Each variant alone (behind it only copies of itself), and at each place among the others.
  bool exact(int64_t rows) {
    std::vector<Value> alone[variants];
    for (int64_t n = 0; n < variants; ++n) alone[n] = run(n, 1, rows).front();
    for (int64_t shift = 0; shift < variants; ++shift) {
      const auto results = run(shift, rows, rows);
      for (int64_t place = 0; place < rows; ++place) {
        if (!same(results[static_cast<size_t>(place)], alone[(shift + place) % variants])) return false;
      }
    }
    return true;
  }

  // Calls of one row, whatever the call has: what is found holds for all calls of its key, and those differ in their rows.
  Value variant(const Value &v, int64_t n) const {
    const bool many = config_.mode == BatchConfig::Mode::concat && call_.rows > 1;
    return map_tensors(many ? rows_of(v, n % call_.rows, 1) : v,
                       [&](const Tensor &t) { return turned(t, n, item_.budget); });
  }

  // The results of `count` calls in a batch of `rows`: at place i that of variant (first + i) % variants.
  std::vector<std::vector<Value>> run(int64_t first, int64_t count, int64_t rows) {
    std::vector<CallArguments> calls;
    for (int64_t i = 0; i < count; ++i) calls.emplace_back(rows_[(first + i) % variants]);
    BatchContext context({&item_});
    const Batch batch = collate(schema_, config_, std::move(calls), {context.budget(), rows});
    return split(schema_, config_, batch,
                 with_tensors(config_, model_.registry(), model_.run(context, call_.method, batch.args), context));
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

int64_t want_exact(Model &model, const PendingCall &call, ItemContext &item) {
  const int64_t rows = model.exact_proof().rows(call.key, [&] { return Prover(model, call, item).rows(); });
  if (rows > 0) return rows;
  fail(MRUN_MODEL,
       "not exact here: what {} gives for a row depends on its place or its companions in batches of {} rows and "
       "fewer, with the "
       "libraries of this machine; leave --exact (exact of mrun_options) out, or set [batch] mode = \"none\"",
       model.methods()[call.method].name, exact_rows);
}

}  // namespace mrun
