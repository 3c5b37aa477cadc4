#include "exec/batch/collate.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <mrun/message.hpp>
#include <type_traits>

#include "base/error.h"
#include "exec/batch/rows.h"
#include "value/dtype.h"

namespace mrun {
namespace {

using Mode = BatchConfig::Mode;

// A tensor is filled in: what is a list of numbers to the model, the script gives.
bool is_filled(const Parameter &p) {
  const bool takes_tensor = (p.type.base == Base::tensor && !p.type.list) || p.type.base == Base::any;
  return takes_tensor && (p.name == "lengths" || p.name == "mask");
}

bool is_infinite(DLDataType type, const char *element) {
  return visit(
      type,
      [&]<class E>(E) {
        if constexpr (std::is_floating_point_v<typename E::Number>) return std::isinf(E::read(element));
        return false;
      },
      [] { return false; });
}

// One element of `type` that holds `value`; zero is one of any type. Throws MODEL where it cannot.
std::vector<char> element(DLDataType type, double value, const std::string &name) {
  std::vector<char> bytes(item_size(type));
  const bool zero = value == 0 && !std::signbit(value);
  const bool fits =
      zero || (put_number(type, value, bytes.data()) && (std::isinf(value) || !is_infinite(type, bytes.data())));
  if (!fits)
    fail(MRUN_MODEL, "[batch] pad.{}: the value {} does not fit an element of {}", name, value, dtype_name(type));
  return bytes;
}

void fill(char *out, size_t bytes, const std::vector<char> &one) {
  const bool zero = std::all_of(one.begin(), one.end(), [](char c) { return c == 0; });
  if (zero) {
    std::memset(out, 0, bytes);
    return;
  }
  for (size_t i = 0; i < bytes; i += one.size()) std::memcpy(out + i, one.data(), one.size());
}

// Copies a row-major box of shape `from` into one of shape `to`, no dimension of which is less, and fills up the rest on one side:
// each byte is written once.
class PaddedCopy {
 public:
  // `to` and `element` must outlive it; there is a dimension.
  PaddedCopy(Shape from, const Shape &to, bool left, const std::vector<char> &element)
      : from_(std::move(from)),
        to_(to),
        left_(left),
        element_(element),
        in_step_(steps(from_, element.size())),
        out_step_(steps(to, element.size())) {}

  void copy(char *out, const char *in, size_t d = 0) const {
    const auto real = static_cast<size_t>(from_[d]);
    const size_t filling = (static_cast<size_t>(to_[d]) - real) * out_step_[d];
    char *const begin = left_ ? out + filling : out;
    fill(left_ ? out : out + real * out_step_[d], filling, element_);
    if (in_step_[d] != out_step_[d]) {
      for (size_t i = 0; i < real; ++i) copy(begin + i * out_step_[d], in + i * in_step_[d], d + 1);
    } else if (real * in_step_[d] > 0) {  // nothing is filled up further in
      std::memcpy(begin, in, real * in_step_[d]);
    }
  }

 private:
  static std::vector<size_t> steps(const Shape &shape, size_t item) {  // bytes from one index to the next
    std::vector<size_t> step(shape.size(), item);
    for (size_t d = shape.size(); d-- > 1;) step[d - 1] = step[d] * static_cast<size_t>(shape[d]);
    return step;
  }

  const Shape from_;
  const Shape &to_;
  const bool left_;
  const std::vector<char> &element_;
  const std::vector<size_t> in_step_, out_step_;
};

// Joining and padding read the memory as the processor does.
void want_cpu(const Tensor &t, const std::string &name) {
  if (t.on_cpu()) return;
  fail(MRUN_MODEL, "{}: a tensor on {} cannot be padded or joined; move it to the CPU, or set [batch] mode = \"none\"",
       name, device_name(t.dl().device));
}

[[noreturn]] void mismatch(const std::string &name, const Tensor &a, const Tensor &b) {
  fail(MRUN_MODEL, "{}: cannot join {} with {}", name, describe(a.c()), describe(b.c()));
}

// One call's tensor, which must outlive it, and the shape that it is filled up to where it is.
struct ColumnPart {
  explicit ColumnPart(const Tensor &t) : tensor(t) {}
  std::span<const int64_t> own() const { return {tensor.dl().shape, static_cast<size_t>(tensor.dim())}; }
  std::span<const int64_t> shape() const { return padded.empty() ? own() : padded; }
  bool whole() const { return padded.empty() || std::ranges::equal(padded, own()); }

  const Tensor &tensor;
  Shape padded;
};

void pad_all(std::vector<ColumnPart> &parts, const Pad &pad, const std::string &name) {
  const int32_t dim = parts[0].tensor.dim();
  for (const int64_t d : pad.dims) {
    if (d < 0 || d >= dim) {
      fail(MRUN_MODEL,
           "[batch] pad.{}: dims: the item has {}, there is none numbered {}; they count from 0, without the batch's",
           name, counted(dim, "dimension"), d);
    }
    int64_t longest = 0;
    for (const ColumnPart &part : parts) {
      if (part.tensor.dim() != dim) mismatch(name, part.tensor, parts[0].tensor);
      longest = std::max(longest, part.tensor.size(static_cast<int32_t>(d)));
    }
    const int64_t rounded = (longest + pad.multiple - 1) / pad.multiple * pad.multiple;
    for (ColumnPart &part : parts) {
      if (part.padded.empty()) part.padded = part.tensor.shape();
      part.padded[static_cast<size_t>(d)] = rounded;
    }
  }
}

// One argument of all calls.
struct Column {
  std::vector<ColumnPart> parts;
  const Mode mode;
  const Pad *const pad;  // null: none
  const std::string &name;
};

// Copies the tensors, of one dtype, one behind the other and fills the rest of `out`, whose rows have `row` bytes, by repeating the
// last of them.
void lay_out(const Column &column, Tensor &out, size_t row, const CollateOptions &how) {
  const std::vector<char> padding = element(out.dtype(), column.pad == nullptr ? 0 : column.pad->value, column.name);
  char *at = out.data<char>();
  for (const ColumnPart &part : column.parts) {
    want_cpu(part.tensor, column.name);
    const size_t size = column.mode == Mode::stack ? row : row * static_cast<size_t>(part.shape()[0]);
    const Tensor dense = part.tensor.is_contiguous() ? Tensor() : part.tensor.clone(how.budget);
    const Tensor &t = dense.is_tensor() ? dense : part.tensor;
    if (!part.whole()) {
      PaddedCopy(t.shape(), part.padded, column.pad->left, padding).copy(at, t.data<const char>());
    } else if (size > 0) {
      std::memcpy(at, t.data<const char>(), size);
    }
    at += size;
  }
  char *const end = out.data<char>() + out.nbytes();
  for (; row > 0 && at < end && at != out.data<char>(); at += row) std::memcpy(at, at - row, row);
}

Tensor stack(const Column &column, const CollateOptions &how) {
  const ColumnPart &first = column.parts[0];
  Shape shape(first.shape().begin(), first.shape().end());
  const auto n = static_cast<int64_t>(column.parts.size()), rows = std::max(n, how.least_rows);
  shape.insert(shape.begin(), rows);
  if (rows == 1 && first.whole()) {  // a view: a lone call costs no copy, and its memory may be a device's
    Shape strides = first.tensor.strides();
    strides.insert(strides.begin(), std::max<int64_t>(first.tensor.numel(), 1));
    return first.tensor.view(shape, strides, 0);
  }
  for (const ColumnPart &part : column.parts) {
    if (!std::ranges::equal(part.shape(), first.shape()) || !(part.tensor.dtype() == first.tensor.dtype()))
      mismatch(column.name, part.tensor, first.tensor);
  }
  Tensor out = Tensor::empty(first.tensor.dtype(), shape, how.budget);
  lay_out(column, out, out.nbytes() / static_cast<size_t>(rows), how);
  return out;
}

Tensor concat(const Column &column, const CollateOptions &how) {
  const ColumnPart &first = column.parts[0];
  Shape shape(first.shape().begin(), first.shape().end());
  if (shape.empty())
    fail(MRUN_MODEL, "{}: mode concat wants rows in dimension 0, got a tensor without dimensions", column.name);
  if (column.parts.size() == 1 && shape[0] >= how.least_rows && first.whole()) return first.tensor;
  int64_t rows = 0;
  for (const ColumnPart &part : column.parts) {
    const std::span<const int64_t> s = part.shape();
    if (s.size() != shape.size() || !std::equal(s.begin() + 1, s.end(), shape.begin() + 1) ||
        !(part.tensor.dtype() == first.tensor.dtype())) {
      mismatch(column.name, part.tensor, first.tensor);
    }
    rows += s[0];
  }
  shape[0] = rows == 0 ? 0 : std::max(rows, how.least_rows);
  Tensor out = Tensor::empty(first.tensor.dtype(), shape, how.budget);
  lay_out(column, out, shape[0] == 0 ? 0 : out.nbytes() / static_cast<size_t>(shape[0]), how);
  return out;
}

// Joins one argument of all calls, inside lists and tables too.
Value join(const std::vector<const Value *> &values, Mode mode, const Pad *pad, const std::string &name,
           const CollateOptions &how) {
  const Value &first = *values[0];
  if (first.is_tensor()) {
    Column column{{}, mode, pad, name};
    column.parts.reserve(values.size());
    for (const Value *v : values) {
      if (!v->is_tensor()) fail(MRUN_MODEL, "{}: cannot join {} with {}", name, describe(v->c()), describe(first.c()));
      column.parts.emplace_back(v->as_tensor());
    }
    if (pad != nullptr) pad_all(column.parts, *pad, name);
    return column.mode == Mode::stack ? stack(column, how) : concat(column, how);
  }
  if (first.is_list()) {
    std::vector<Value> items;
    for (size_t i = 0; i < first.as_list().size(); ++i) {
      std::vector<const Value *> column;
      for (const Value *v : values) {
        if (!v->is_list() || v->as_list().size() != first.as_list().size())
          fail(MRUN_MODEL, "{}: lists of different lengths", name);
        column.push_back(&v->as_list()[i]);
      }
      items.push_back(join(column, mode, pad, fmt::format("{}[{}]", name, i + 1), how));
    }
    return Value::list(std::move(items));
  }
  if (first.is_map()) {
    std::vector<std::pair<std::string, Value>> entries;
    for (const Entry &e : first.as_map()) {
      std::vector<const Value *> column;
      for (const Value *v : values) {
        const Value *at = v->find(e.key());
        if (at == nullptr) fail(MRUN_MODEL, "{}: the key \"{}\" is missing in one call", name, e.key());
        column.push_back(at);
      }
      entries.emplace_back(std::string(e.key()), join(column, mode, pad, fmt::format("{}.{}", name, e.key()), how));
    }
    return Value::map(std::move(entries));
  }
  // Equal in all calls: it is part of their key (call.cpp).
  return first;
}

// The lengths of every call's item in the first padded dimension of the first padded parameter.
struct Lengths {
  Shape values;
  int64_t padded = 0;
  bool left = false;
};
// Rows that only fill up an exact batch have the length of the last real one, which they repeat.
Lengths measure(const Schema &schema, const BatchConfig &config, const Batch &batch) {
  Lengths lengths;
  for (size_t i = 0; i < schema.parameters.size(); ++i) {
    const auto pad = config.pad.find(schema.parameters[i].name);
    if (pad == config.pad.end() || !batch.args[i].is_tensor()) continue;
    const auto d = static_cast<int32_t>(pad->second.dims.at(0));
    for (size_t c = 0; c < batch.calls.size(); ++c) {
      const int64_t length = batch.calls[c][i].as_tensor().size(d);
      lengths.values.insert(lengths.values.end(), static_cast<size_t>(batch.rows[c]), length);
    }
    while (static_cast<int64_t>(lengths.values.size()) < batch.total) lengths.values.push_back(lengths.values.back());
    lengths.padded = batch.args[i].as_tensor().size(config.mode == Mode::stack ? d + 1 : d);
    lengths.left = pad->second.left;
    break;
  }
  return lengths;
}

Value lengths_tensor(const Lengths &l, const CollateOptions &how) {
  Tensor t = Tensor::empty(dtype::int64, {static_cast<int64_t>(l.values.size())}, how.budget);
  std::copy(l.values.begin(), l.values.end(), t.data<int64_t>());
  return t;
}

Value mask_tensor(const Lengths &l, const CollateOptions &how) {
  Tensor t = Tensor::empty(dtype::boolean, {static_cast<int64_t>(l.values.size()), l.padded}, how.budget);
  auto *row = t.data<uint8_t>();
  for (int64_t n : l.values) {
    std::fill(row, row + l.padded, uint8_t{0});
    std::fill_n(row + (l.left ? l.padded - n : 0), n, uint8_t{1});
    row += l.padded;
  }
  return t;
}

void count_all(Batch &batch, Mode mode, int64_t least) {
  batch.first.reserve(batch.calls.size());
  batch.rows.reserve(batch.calls.size());
  for (const CallArguments call : batch.calls) {
    batch.first.push_back(batch.total);
    batch.rows.push_back(mode == Mode::concat ? count_rows(call) : 1);
    batch.total += batch.rows.back();
  }
  if (batch.total > 0) batch.total = std::max(batch.total, least);
}

void fill_in(Batch &batch, const Schema &schema, const BatchConfig &config, const CollateOptions &how) {
  const Lengths lengths = measure(schema, config, batch);
  for (size_t i = 0; i < schema.parameters.size(); ++i) {
    const Parameter &p = schema.parameters[i];
    if (!batch.args[i].is_nil() || !is_filled(p)) continue;  // the script's own
    if (lengths.values.empty()) {
      if (p.type.optional || p.type.base == Base::any) continue;
      fail(MRUN_ARGUMENT,
           "{}: {}: is missing; want {}; [batch] pad fills it in by a padded argument that is a tensor, and this "
           "call has none: the script gives it",
           schema.name, p.name, p.type.text());
    }
    const bool is_mask = p.name == "mask";
    batch.args[i] = is_mask ? mask_tensor(lengths, how) : lengths_tensor(lengths, how);
  }
}

}  // namespace

Batch collate(const Schema &schema, const BatchConfig &config, std::vector<CallArguments> calls,
              const CollateOptions &how) {
  Batch batch;
  batch.calls = std::move(calls);
  count_all(batch, config.mode, how.least_rows);
  if (config.mode == Mode::none) {
    batch.args.assign(batch.calls.at(0).begin(), batch.calls.at(0).end());
    return batch;
  }
  for (size_t i = 0; i < schema.parameters.size(); ++i) {
    std::vector<const Value *> column;
    column.reserve(batch.calls.size());
    for (const CallArguments call : batch.calls) column.push_back(&call[i]);
    const auto pad = config.pad.find(schema.parameters[i].name);
    batch.args.push_back(
        join(column, config.mode, pad == config.pad.end() ? nullptr : &pad->second, schema.parameters[i].name, how));
  }
  if (!config.pad.empty()) fill_in(batch, schema, config, how);
  return batch;
}

namespace {

// A number that a model computes of some rows tells nothing of all.
void want_rows(const Value &v, const std::string &name) {
  for (const Value &item : v.is_list() ? v.as_list() : std::span<const Value>()) want_rows(item, name);
  for (const Entry &e : v.is_map() ? v.as_map() : std::span<const Entry>()) want_rows(e.value(), name);
  if (v.is_tensor() || v.is_list() || v.is_map() || v.is_nil()) return;
  fail(MRUN_MODEL, "{}: {} cannot be joined from parts", name, describe(v.c()));
}

}  // namespace

Value join_rows(const std::vector<const Value *> &parts, const std::string &name,
                const std::shared_ptr<Budget> &budget) {
  for (const Value *part : parts) {
    want_rows(*part, name);
    if (part->is_nil() != parts.front()->is_nil()) fail(MRUN_MODEL, "{}: is nil in some parts alone", name);
  }
  return join(parts, Mode::concat, nullptr, name, {budget, 0});
}

Schema script_schema(const Schema &schema, const BatchConfig &config) {
  Schema s = schema;
  if (config.mode == Mode::none || config.pad.empty()) return s;
  for (Parameter &p : s.parameters) {
    if (!is_filled(p)) continue;
    p.type.optional = true;
    p.has_default = true;
    p.default_value = Value();
  }
  return s;
}

}  // namespace mrun
