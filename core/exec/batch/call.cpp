// Keys, lengths, and the selection of a batch. A key is built for each model call, so it is bytes and never parsed.
#include "exec/batch/call.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>
#include <utility>

#include "exec/batch/rows.h"

namespace mrun {
namespace {

int64_t round_up(int64_t n, int64_t multiple) { return (n + multiple - 1) / multiple * multiple; }

// Writes what must be equal for calls to be joined. Kinds and sizes stand before what they are of, so that two different
// lists of arguments never give one key. Free dimensions (rows, padded ones) are written as -1.
class KeyWriter {
 public:
  KeyWriter(PendingCall &call, const BatchConfig &config, bool exact)
      : call_(call), rows_(config.mode == BatchConfig::Mode::concat), exact_(exact) {}

  void write(const Value &v, const Pad *pad) {
    put(static_cast<uint8_t>(v.kind()));
    switch (v.kind()) {
      case MRUN_TENSOR: tensor(v.as_tensor(), pad); break;
      case MRUN_LIST:
        put(v.as_list().size());
        for (const Value &item : v.as_list()) write(item, pad);
        break;
      case MRUN_MAP:
        put(v.as_map().size());
        for (const Entry &e : v.as_map()) {
          text(e.key());
          write(e.value(), pad);
        }
        break;
      case MRUN_STRING: text(v.as_string()); break;
      case MRUN_NIL: break;
      default: put(v.c().as.integer);  // the bits of a number or boolean, the address of an object
    }
  }
  template <class T>
  void put(const T &x) {
    if (sizeof x > written_.size() - used_) flush();
    std::memcpy(written_.data() + used_, &x, sizeof x);
    used_ += sizeof x;
  }
  // What was written becomes the key's end: once, for most calls.
  void flush() { call_.key.append(written_.data(), std::exchange(used_, 0)); }

 private:
  void text(std::string_view s) {
    put(s.size());
    flush();
    call_.key.append(s);
  }

  void tensor(const Tensor &t, const Pad *pad) {
    put(t.dtype());
    put(t.dl().device);
    put(t.dim());
    const int64_t rows = t.dim() > 0 ? t.size(0) : 1;
    const bool empty = rows == 0 && call_.rows > 0;  // stands for none, in a joined call too
    for (int32_t d = 0; d < t.dim(); ++d) {
      const bool padded = pad != nullptr && std::find(pad->dims.begin(), pad->dims.end(), d) != pad->dims.end();
      const int64_t size = padded ? round_up(t.size(d), pad->multiple) : t.size(d);
      const bool free = (rows_ && d == 0 && !empty) || (padded && !exact_);
      put(free ? int64_t{-1} : size);
    }
    // Collating copies, on the CPU; and tensors of one call that have different rows could not be told apart afterwards.
    if (!t.on_cpu() || (rows_ && !empty && rows != call_.rows)) call_.alone = true;
  }

  PendingCall &call_;
  const bool rows_, exact_;
  std::array<char, 192> written_;
  size_t used_ = 0;
};

const Pad *pad_of(const BatchConfig &config, const std::string &parameter) {
  const auto pad = config.pad.find(parameter);
  return pad == config.pad.end() ? nullptr : &pad->second;
}

Shape padded_lengths(const PendingCall &call, const Schema &schema, const BatchConfig &config) {
  for (size_t i = 0; i < call.args.size(); ++i) {
    const Pad *pad = pad_of(config, schema.parameters[i].name);
    if (pad == nullptr || !call.args[i].is_tensor()) continue;
    const Tensor &t = call.args[i].as_tensor();
    Shape lengths;
    for (const int64_t d : pad->dims) {
      if (d < t.dim()) lengths.push_back(round_up(t.size(static_cast<int32_t>(d)), pad->multiple));
    }
    return lengths;
  }
  return {};
}

// What may be cut into rows, so far as the schema tells. A number or a string that a model computes of a batch is of all its
// rows: nothing says which part is whose.
bool may_have_rows(const Type &t) {
  if (t.base == Base::dict && t.element) return may_have_rows(*t.element);
  return t.base == Base::tensor || t.base == Base::any;
}

// Saturating: sizes come from scripts.
int64_t product(const Shape &lengths, int64_t rows) {
  int64_t n = rows;
  for (const int64_t length : lengths) {
    if (__builtin_mul_overflow(n, std::max<int64_t>(length, 1), &n)) return INT64_MAX;
  }
  return n;
}

int64_t distance(const Shape &a, const Shape &b) {
  int64_t sum = 0;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) sum += std::abs(a[i] - b[i]);
  return sum;
}

// The batch that is being put together. A first call always fits, however large: else it would wait for ever.
struct Filling {
  int64_t rows = 0, own = 0;  // tokens of the calls themselves
  Shape longest;

  // too_much_filling ends a selection, too, but does not make it full: calls of nearer lengths may still come.
  enum class Verdict { fits, full, too_much_filling };
  Verdict add(const PendingCall &call, const BatchConfig &config) {
    Shape to = longest;
    to.resize(std::max(to.size(), call.lengths.size()));
    for (size_t i = 0; i < call.lengths.size(); ++i) to[i] = std::max(to[i], call.lengths[i]);
    const int64_t total = product(to, rows + call.rows), mine = own + call.tokens();
    if (rows > 0) {
      if (rows + call.rows > config.max_size || (config.max_tokens > 0 && total > config.max_tokens))
        return Verdict::full;
      if (static_cast<double>(total - mine) > config.max_padding * static_cast<double>(total))
        return Verdict::too_much_filling;
    }
    rows += call.rows;
    own = mine;
    longest = std::move(to);
    return Verdict::fits;
  }
};

}  // namespace

int64_t PendingCall::tokens() const { return product(lengths, rows); }

PendingCall pending(ModelCall &&call) {
  PendingCall p;
  p.model = call.model;
  p.method = call.method;
  p.by_rows = call.rows;
  p.args = std::move(call.args);
  return p;
}

void prepare(PendingCall &call, const Schema &schema, const BatchConfig &config, bool exact) {
  call.alone = config.mode == BatchConfig::Mode::none;
  call.key.clear();
  call.rows = 1;
  call.lengths.clear();
  if (call.alone) return;
  if (config.mode == BatchConfig::Mode::concat) call.rows = count_rows(call.args);
  KeyWriter writer(call, config, exact);
  writer.put(call.model);
  writer.put(call.method);
  writer.put(call.by_rows);
  for (size_t i = 0; i < call.args.size(); ++i) {
    writer.write(call.args[i], pad_of(config, schema.parameters[i].name));
  }
  writer.flush();
  call.lengths = padded_lengths(call, schema, config);
  call.alone = call.alone || !std::ranges::all_of(schema.results, may_have_rows);
}

Selection select(std::span<const PendingCall *const> calls, const BatchConfig &config) {
  std::vector<size_t> order(calls.size());
  std::iota(order.begin(), order.end(), size_t{0});
  const Shape &oldest = calls.front()->lengths;
  if (!oldest.empty()) {  // stable, so that what is chosen depends on the items alone
    // The oldest stays first: it must leave with this batch, whatever fits it.
    std::stable_sort(order.begin() + 1, order.end(), [&](size_t a, size_t b) {
      return distance(calls[a]->lengths, oldest) < distance(calls[b]->lengths, oldest);
    });
  }
  Selection selection;
  selection.calls.reserve(calls.size());
  Filling filling;
  for (const size_t i : order) {
    const Filling::Verdict verdict = filling.add(*calls[i], config);
    selection.full = verdict == Filling::Verdict::full;
    if (verdict != Filling::Verdict::fits) break;
    selection.calls.push_back(i);
    if (calls[i]->alone) break;
  }
  selection.full = selection.full || filling.rows >= config.max_size || calls.front()->alone ||
                   (config.max_tokens > 0 && product(filling.longest, filling.rows) >= config.max_tokens);
  std::sort(selection.calls.begin(), selection.calls.end());
  return selection;
}

}  // namespace mrun
