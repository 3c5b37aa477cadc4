#include "exec/batch/exact.h"

#include <cstring>

#include "exec/batch/collate.h"
#include "exec/batch/split.h"
#include "exec/model.h"

namespace mrun {
namespace {

constexpr int64_t least = 16, step = 8;

int64_t on_ladder(int64_t rows) { return rows <= least ? least : (rows + step - 1) / step * step; }

// The same memory, element for element; NaNs of equal bits are equal.
bool same_bits(const Value &a, const Value &b) {
  if (a.kind() != b.kind()) return false;
  if (a.is_tensor()) {
    const Tensor x = a.as_tensor().contiguous(), y = b.as_tensor().contiguous();
    return x.shape() == y.shape() && x.dtype() == y.dtype() &&
           (x.nbytes() == 0 || std::memcmp(x.data(), y.data(), x.nbytes()) == 0);
  }
  if (a.is_list()) {
    const auto x = a.as_list(), y = b.as_list();
    if (x.size() != y.size()) return false;
    for (size_t i = 0; i < x.size(); ++i) {
      if (!same_bits(x[i], y[i])) return false;
    }
  }
  if (a.is_map()) {
    const auto x = a.as_map(), y = b.as_map();
    if (x.size() != y.size()) return false;
    for (size_t i = 0; i < x.size(); ++i) {
      if (x[i].key() != y[i].key() || !same_bits(x[i].value(), y[i].value())) return false;
    }
  }
  return true;
}

// The same call with every floating-point element 0: a companion that has nothing to do with it.
Value blank(const Value &v) {
  if (v.is_tensor() && v.as_tensor().dtype().code == kDLFloat) {
    Tensor t = Tensor::empty(v.as_tensor().dtype(), v.as_tensor().shape());
    if (t.nbytes() > 0) std::memset(t.data<char>(), 0, t.nbytes());
    return t;
  }
  return v;
}

class Prover {
 public:
  Prover(Model &model, const PendingCall &call, ItemContext &item)
      : model_(model),
        call_(call),
        item_(item),
        schema_(model.methods()[call.method]),
        config_(model.batch(call.method, call.by_rows)) {
    for (const Value &v : call.args) blank_.push_back(blank(v));
  }

  // The call's results in a batch filled up to `size`, alone or behind as many blank companions as fit.
  std::vector<Value> at(int64_t size, bool last) {
    std::vector<CallArguments> calls;
    const int64_t companions = last ? size / std::max<int64_t>(call_.rows, 1) - 1 : 0;
    for (int64_t i = 0; i < companions; ++i) calls.emplace_back(blank_);
    calls.emplace_back(call_.args);
    BatchContext context({&item_});
    const Batch batch = collate(schema_, config_, std::move(calls), {context.budget(), size});
    return split(schema_, config_, batch, model_.run(context, call_.method, batch.args)).back();
  }

  // The first size at which a row's bits are not those at `most`, or 0.
  int64_t differing(int64_t from, int64_t most) {
    const std::vector<Value> wanted = at(most, false);
    for (int64_t size = most; size >= from; size -= step) {
      for (const bool last : {true, false}) {
        const std::vector<Value> got = at(size, last);
        for (size_t i = 0; i < wanted.size(); ++i) {
          if (!same_bits(wanted[i], got[i])) return size;
        }
      }
    }
    return 0;
  }

 private:
  Model &model_;
  const PendingCall &call_;
  ItemContext &item_;
  const Schema &schema_;
  const BatchConfig &config_;
  std::vector<Value> blank_;
};

}  // namespace

int64_t ExactProof::size_for(int64_t rows, Model &model, const PendingCall &call, ItemContext &item) {
  const int64_t most = on_ladder(std::max(model.batch(call.method, call.by_rows).max_size, rows));
  const std::lock_guard lock(mutex_);
  const auto [at, unknown] = findings_.try_emplace(call.key);
  Finding &finding = at->second;
  if (unknown) {
    try {
      const int64_t size = Prover(model, call, item).differing(on_ladder(call.rows), most);
      finding.ladder = size == 0;
      if (size == most) {
        finding.refusal = fmt::format(
            "not exact here: in a batch of {} rows what {} gives for a row depends on its place or its companions with "
            "these libraries on this machine",
            size, model.methods()[call.method].name);
      }
    } catch (...) {  // the call itself fails: that proves nothing
      findings_.erase(at);
      throw;
    }
  }
  if (!finding.refusal.empty()) fail(MRUN_MODEL, "{}", finding.refusal);
  return finding.ladder ? on_ladder(rows) : most;
}

}  // namespace mrun
