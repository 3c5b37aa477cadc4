// One call of an ATen operator: values to a stack of IValues, the boxed kernel, and back.
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "aten_overload.h"
#include "aten_warnings.h"
#include "convert.h"
#include "device.h"
#include "guard.h"
#include "scope.h"

namespace mrun_torch {
namespace {

using c10::IValue;
using mrun::host;

// Scripts know one kind of number: what is integral counts as an integer, so that `t + 1` keeps an int64 tensor int64.
// Minus zero is kept as it is (settle_zeros).
at::Scalar to_scalar(const mrun_value &v) {
  if (v.kind == MRUN_BOOL) return at::Scalar(v.as.boolean != 0);
  if (v.kind == MRUN_INT) return at::Scalar(v.as.integer);
  const double x = v.as.number;
  constexpr double exact = 9007199254740992.0;  // 2^53
  if (x == std::trunc(x) && std::fabs(x) <= exact && !(x == 0 && std::signbit(x))) {
    return at::Scalar(static_cast<int64_t>(x));
  }
  return at::Scalar(x);
}

std::string to_string(const mrun_value &v) { return std::string(v.as.string.data, v.as.string.size); }

c10::ScalarType to_scalar_type(const mrun_value &v) {
  c10::ScalarType type{};
  const std::string name = to_string(v);
  if (!scalar_type_of(name, &type)) throw mrun::error(MRUN_ARGUMENT, "no dtype \"" + name + "\"");
  return type;
}

template <class T, class F>
IValue to_list(const mrun_value &v, F &&item) {
  c10::List<T> list;
  list.reserve(v.as.list.size);
  for (size_t i = 0; i < v.as.list.size; ++i) list.push_back(item(v.as.list.items[i]));
  return IValue(std::move(list));
}

IValue to_optional_tensors(mrun_call *call, const mrun_value &v) {
  c10::impl::GenericList list(c10::OptionalType::create(c10::TensorType::get()));
  for (size_t i = 0; i < v.as.list.size; ++i) {
    const mrun_value &item = v.as.list.items[i];
    list.push_back(item.kind == MRUN_NIL ? IValue() : IValue(from_value(call, item)));
  }
  return list;
}

IValue to_stack_value(mrun_call *call, Kind kind, const mrun_value &v) {
  if (v.kind == MRUN_NIL) return IValue();
  switch (kind) {
    case Kind::tensor: return from_value(call, v);
    case Kind::integer: return v.as.integer;
    case Kind::number: return v.as.number;
    case Kind::boolean: return v.as.boolean != 0;
    case Kind::string: return to_string(v);
    case Kind::scalar: return to_scalar(v);
    case Kind::scalar_type: return to_scalar_type(v);
    case Kind::device: return device_of(to_string(v), MRUN_ARGUMENT);
    case Kind::tensors: return to_list<at::Tensor>(v, [&](const mrun_value &x) { return from_value(call, x); });
    case Kind::optional_tensors: return to_optional_tensors(call, v);
    case Kind::integers: return to_list<int64_t>(v, [](const mrun_value &x) { return x.as.integer; });
    case Kind::numbers: return to_list<double>(v, [](const mrun_value &x) { return x.as.number; });
    case Kind::booleans: return to_list<bool>(v, [](const mrun_value &x) { return x.as.boolean != 0; });
    case Kind::scalars: return to_list<at::Scalar>(v, &to_scalar);
    case Kind::hidden:
    case Kind::generator: break;
  }
  return IValue();
}

mrun_value number_value(double x) {
  mrun_value v{};
  v.kind = MRUN_FLOAT;
  v.as.number = x;
  return v;
}

mrun_value integer_value(int64_t x) {
  mrun_value v{};
  v.kind = MRUN_INT;
  v.as.integer = x;
  return v;
}

mrun_value boolean_value(bool x) {
  mrun_value v{};
  v.kind = MRUN_BOOL;
  v.as.boolean = x;
  return v;
}

mrun_value scalar_value(const at::Scalar &s) {
  if (s.isBoolean()) return boolean_value(s.toBool());
  if (s.isIntegral(false)) return integer_value(s.toLong());
  if (s.isFloatingPoint()) return number_value(s.toDouble());
  throw mrun::error(MRUN_ARGUMENT, "a complex number is no number for a script: use torch.view_as_real");
}

mrun_value string_value(mrun_call *call, std::string_view text) {
  mrun_value v{};
  mrun::check(host->string_new(call, text.data(), text.size(), &v));
  return v;
}

mrun_value from_stack_value(mrun_call *call, Kind kind, const IValue &v);

mrun_value list_value(mrun_call *call, const IValue &list) {
  const auto items = list.toListRef();
  std::vector<mrun::value> owned;  // frees what was made when a later one fails
  owned.reserve(items.size());
  for (const IValue &item : items) {
    const Kind kind = item.isTensor() ? Kind::tensor : item.isInt() ? Kind::integer : Kind::scalar;
    owned.emplace_back(from_stack_value(call, kind, item));
  }
  std::vector<mrun_value> raw;
  raw.reserve(owned.size());
  for (mrun::value &x : owned) raw.push_back(x.release());
  mrun_value out{};
  mrun::check(host->list_new(call, raw.data(), raw.size(), &out));
  return out;
}

mrun_value from_stack_value(mrun_call *call, Kind kind, const IValue &v) {
  if (v.isNone()) return {};
  if (v.isTensor()) return to_value(call, v.toTensor());
  if (v.isList()) return list_value(call, v);
  if (kind == Kind::scalar_type) return string_value(call, dtype_name(static_cast<c10::ScalarType>(v.toInt())));
  if (v.isString()) return string_value(call, v.toStringRef());
  return scalar_value(v.toScalar());
}

at::Generator make_generator(mrun_call *call, const std::vector<IValue> &stack) {
  uint64_t seed = 0;
  mrun::check(host->seed(call, 0, &seed));
  for (const IValue &v : stack) {
    if (!v.isTensor() || !v.toTensor().defined() || v.toTensor().is_cpu()) continue;
    at::Generator generator = at::globalContext().defaultGenerator(v.toTensor().device()).clone();
    generator.set_current_seed(seed);
    return generator;
  }
  return at::make_generator<at::CPUGeneratorImpl>(seed);
}

// What schemas do not say.
void check_effects(const Overload &o, const std::vector<IValue> &stack) {
  if (o.dropout >= 0 && stack[size_t(o.dropout)].toDouble() != 0) {
    throw mrun::error(MRUN_ARGUMENT, "dropout draws random numbers that do not follow the item's seed: give 0");
  }
  if (o.training < 0 || !stack[size_t(o.training)].toBool()) return;
  for (const size_t i : o.running) {
    if (stack[i].isTensor() && is_readonly(stack[i].toTensor())) {
      throw mrun::error(MRUN_ARGUMENT, "in training the running statistics are written, and these are read-only");
    }
  }
}

// As libtorch's own look at it, which compares storages: a view that the engine made (t[i], t:at) has one of its own.
bool overlap_in_part(const at::Tensor &a, const at::Tensor &b) {
  if (a.is_same(b) || a.numel() == 0 || b.numel() == 0 || a.device() != b.device()) return false;
  const auto known = [](const at::Tensor &t) { return t.unsafeGetTensorImpl()->is_non_overlapping_and_dense(); };
  if (!known(a) || !known(b)) return false;
  const auto *first_a = static_cast<const char *>(a.data_ptr()), *first_b = static_cast<const char *>(b.data_ptr());
  const char *const end_a = first_a + a.nbytes(), *const end_b = first_b + b.nbytes();
  if (first_a == first_b && end_a == end_b) return a.strides() != b.strides();
  return first_a < end_b && first_b < end_a;
}

// What is written while it is read gives neither the old numbers nor the new ones.
void check_overlap(const Overload &o, const std::vector<IValue> &stack) {
  const auto is_tensor = [](const IValue &v) { return v.isTensor() && v.toTensor().defined(); };
  for (const size_t i : o.written) {
    for (const IValue &read : stack) {
      if (!is_tensor(stack[i]) || !is_tensor(read) || !overlap_in_part(stack[i].toTensor(), read.toTensor())) continue;
      throw mrun::error(MRUN_ARGUMENT,
                        "the tensor that is written and one that is read share some elements: clone() one");
    }
  }
}

// A script's `0 * -1` is minus zero. Among integers it is the integer that it stands for; beside floats its sign counts.
void settle_zeros(const Overload &o, std::vector<IValue> &stack) {
  const auto is_tensor = [](const IValue &v) { return v.isTensor() && v.toTensor().defined(); };
  const auto is_integer = [&](const IValue &v) {
    return !is_tensor(v) || c10::isIntegralType(v.toTensor().scalar_type(), true);
  };
  for (size_t i = 0; i < o.parameters.size(); ++i) {
    if (o.parameters[i] != Kind::scalar || !stack[i].isDouble() || stack[i].toDouble() != 0) continue;
    if (std::any_of(stack.begin(), stack.end(), is_tensor) && std::all_of(stack.begin(), stack.end(), is_integer)) {
      stack[i] = int64_t{0};
    }
  }
}

// The checks in front of kernels name their operator, as a model's code meets them too; here the host does.
void call_kernel(const Overload &o, std::vector<IValue> &stack) {
  try {
    o.op.callBoxed(stack);
  } catch (mrun::error &e) {
    const std::string own = o.op.schema().name().substr(std::string_view("aten::").size()) + ": ";
    if (e.text.compare(0, own.size(), own) == 0) e.text.erase(0, own.size());
    throw;
  }
}

// The values of one call, in a vector that its thread keeps: making one takes as long as a small operator's kernel.
class Stack {
 public:
  Stack() : values_(std::exchange(kept_, {})) {}
  ~Stack() {
    values_.clear();
    kept_ = std::move(values_);
  }
  Stack(const Stack &) = delete;
  Stack &operator=(const Stack &) = delete;
  std::vector<IValue> &values() { return values_; }

 private:
  static thread_local std::vector<IValue> kept_;  // empty while a call has it
  std::vector<IValue> values_;
};

thread_local std::vector<IValue> Stack::kept_;

void run(mrun_call *call, const Overload &o, const mrun_value *args, mrun_value *results) {
  const Scope scope(call);
  const Warnings warnings(call);
  Stack kept;
  std::vector<IValue> &stack = kept.values();
  stack.reserve(std::max(o.parameters.size(), o.results.size()));
  for (size_t i = 0; i < o.parameters.size(); ++i) {
    const Kind kind = o.parameters[i];
    if (kind == Kind::hidden) {
      stack.push_back(o.defaults[i]);
    } else if (kind == Kind::generator) {
      stack.emplace_back(make_generator(call, stack));
    } else {
      stack.push_back(to_stack_value(call, kind, *args++));
    }
  }
  settle_zeros(o, stack);
  check_effects(o, stack);
  check_overlap(o, stack);
  call_kernel(o, stack);
  for (size_t i = 0; i < o.results.size(); ++i) results[i] = from_stack_value(call, o.results[i], stack[i]);
}

}  // namespace

int call_overload(mrun_call *call, const mrun_value *args, mrun_value *results, void *user) {
  auto body = [&] { run(call, *static_cast<const Overload *>(user), args, results); };
  return guarded(call, body, MRUN_ARGUMENT);
}

}  // namespace mrun_torch
