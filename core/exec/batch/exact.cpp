#include "exec/batch/exact.h"

#include <cstring>

#include "exec/batch/collate.h"
#include "exec/batch/split.h"
#include "exec/model.h"

namespace mrun {
namespace {

constexpr int64_t variants = 4;

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

// The same with its elements turned round by `n` places: another row of the same kind, its values still in their domain.
Value turned(const Value &v, int64_t n) {
  if (!v.is_tensor() || v.as_tensor().numel() < 2 || !v.as_tensor().on_cpu()) return v;
  const Tensor from = v.as_tensor().contiguous();
  Tensor to = Tensor::empty(from.dtype(), from.shape());
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
      for (const Value &v : call.args) rows_[n].push_back(turned(v, n));
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

  static bool same(const std::vector<Value> &a, const std::vector<Value> &b) {
    for (size_t i = 0; i < a.size(); ++i) {
      if (!same_bits(a[i], b[i])) return false;
    }
    return true;
  }

  Model &model_;
  const PendingCall &call_;
  ItemContext &item_;
  const Schema &schema_;
  const BatchConfig &config_;
  std::vector<Value> rows_[variants];
};

}  // namespace

void ExactProof::want(Model &model, const PendingCall &call, ItemContext &item) {
  const std::lock_guard lock(mutex_);
  auto known = exact_.find(call.key);
  if (known == exact_.end()) known = exact_.emplace(call.key, Prover(model, call, item).exact()).first;
  if (known->second) return;
  fail(MRUN_MODEL,
       "not exact here: what {} gives for a row depends on its place or its companions in a batch of {} rows, with the "
       "libraries of this machine; leave --exact out, or set [batch] mode = \"none\"",
       model.methods()[call.method].name, exact_rows);
}

}  // namespace mrun
