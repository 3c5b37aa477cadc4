// torch.tensor: nested lists of numbers and booleans become a tensor.
#include "aten_tensor.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include <limits>
#include <mrun/plugin.hpp>
#include <mrun/plugin_kit.hpp>
#include <string>
#include <type_traits>
#include <vector>

#include "convert.h"
#include "device.h"
#include "guard.h"
#include "scope.h"
#include "shortest.h"

namespace mrun_torch {
namespace {

constexpr size_t deepest = 64;

std::string_view text_of(const mrun_value &v) { return {v.as.string.data, v.as.string.size}; }

bool is_element(const mrun_value &v) { return v.kind == MRUN_INT || v.kind == MRUN_FLOAT || v.kind == MRUN_BOOL; }

[[noreturn]] void wrong(const std::string &what) { throw mrun::error(MRUN_ARGUMENT, "data: " + what); }

// What the first elements say; the others are checked against it.
std::vector<int64_t> shape_of(const mrun_value &data) {
  std::vector<int64_t> shape;
  const mrun_value *v = &data;
  while (v->kind == MRUN_LIST) {
    shape.push_back(static_cast<int64_t>(v->as.list.size));
    if (shape.size() > deepest) wrong("lists are nested too deep");
    if (v->as.list.size == 0) break;
    v = &v->as.list.items[0];
  }
  return shape;
}

struct Kinds {
  bool only_booleans = true, only_integers = true;
};

void note_kinds(const mrun_value &v, Kinds &kinds) {
  for (size_t i = 0; v.kind == MRUN_LIST && i < v.as.list.size; ++i) note_kinds(v.as.list.items[i], kinds);
  if (v.kind == MRUN_LIST) return;
  kinds.only_booleans = kinds.only_booleans && v.kind == MRUN_BOOL;
  kinds.only_integers = kinds.only_integers && v.kind == MRUN_INT;
}

// What Python takes: a fraction is cut off, a negative number wraps where the unsigned type holds it without its sign.
// Unlike Python not 2^63 either, which no int64 is.
template <class T>
bool is_in_range(const mrun_value &v) {
  constexpr T least = std::numeric_limits<T>::min(), most = std::numeric_limits<T>::max();
  if (v.kind == MRUN_INT) {
    return v.as.integer <= int64_t{most} && v.as.integer >= (std::is_signed_v<T> ? int64_t{least} : -int64_t{most});
  }
  const bool above = sizeof(T) == 8 ? v.as.number >= 0x1p63 : v.as.number > static_cast<double>(most);
  return v.as.number >= static_cast<double>(least) && !above;
}

template <class T>
T element(const mrun_value &v) {
  if (v.kind == MRUN_BOOL) return static_cast<T>(v.as.boolean != 0);
  if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
    if (!is_in_range<T>(v)) {
      const std::string number = v.kind == MRUN_INT ? std::to_string(v.as.integer) : shortest_text(v.as.number);
      wrong(number + " is no " + dtype_name(c10::CppTypeToScalarType<T>::value));
    }
  }
  return v.kind == MRUN_INT ? static_cast<T>(v.as.integer) : static_cast<T>(v.as.number);
}

template <class T>
class Filler {
 public:
  Filler(const std::vector<int64_t> &shape, T *next) : shape_(shape), next_(next) {}

  void fill(const mrun_value &v, size_t level) {
    if (level == shape_.size()) {
      if (v.kind == MRUN_TENSOR) wrong("want numbers, got a tensor: stack and cat join tensors, item() is a number");
      if (!is_element(v)) wrong("want numbers or booleans in lists of equal length, got " + mrun::came_text(v));
      *next_++ = element<T>(v);
      return;
    }
    const auto want = static_cast<size_t>(shape_[level]);
    if (v.kind != MRUN_LIST || v.as.list.size != want) {
      wrong("want a list of " + std::to_string(want) + " at level " + std::to_string(level + 1) + ", got " +
            (v.kind == MRUN_LIST ? "one of " + std::to_string(v.as.list.size) : mrun::came_text(v)));
    }
    for (size_t i = 0; i < want; ++i) fill(v.as.list.items[i], level + 1);
  }

 private:
  const std::vector<int64_t> &shape_;
  T *next_;
};

template <class T>
at::Tensor filled(const mrun_value &data, const std::vector<int64_t> &shape, c10::ScalarType type) {
  at::Tensor t = at::empty(shape, type);
  Filler<T>(shape, t.data_ptr<T>()).fill(data, 0);
  return t;
}

// Integers are collected as such, so that those above 2^53 stay exact.
at::Tensor from_numbers(const mrun_value &data, const std::vector<int64_t> &shape, bool integers,
                        c10::ScalarType type) {
  switch (type) {
    case c10::kByte: return filled<uint8_t>(data, shape, type);
    case c10::kChar: return filled<int8_t>(data, shape, type);
    case c10::kShort: return filled<int16_t>(data, shape, type);
    case c10::kInt: return filled<int32_t>(data, shape, type);
    case c10::kLong: return filled<int64_t>(data, shape, type);
    default: break;
  }
  if (integers) return filled<int64_t>(data, shape, c10::kLong).to(type);
  return filled<double>(data, shape, c10::kDouble).to(type);
}

at::Tensor from_lists(const mrun_value &data, c10::optional<c10::ScalarType> wanted) {
  if (data.kind != MRUN_LIST && !is_element(data)) {
    wrong("want a number, a boolean or nested lists of them, got " + mrun::came_text(data));
  }
  const std::vector<int64_t> shape = shape_of(data);
  Kinds kinds;
  note_kinds(data, kinds);
  const bool empty = shape.size() > 0 && shape.back() == 0;
  if (!empty && kinds.only_booleans) { return filled<bool>(data, shape, c10::kBool).to(wanted.value_or(c10::kBool)); }
  return from_numbers(data, shape, !empty && kinds.only_integers, wanted.value_or(c10::kFloat));
}

int make_tensor(mrun_call *call, const mrun_value *args, mrun_value *results, void *) {
  return guarded(
      call,
      [&] {
        const Scope scope(call);
        c10::optional<c10::ScalarType> type;
        c10::ScalarType named{};
        if (args[1].kind == MRUN_STRING && scalar_type_of(text_of(args[1]), &named)) type = named;
        c10::optional<c10::Device> device;
        if (args[2].kind == MRUN_STRING) device = device_of(std::string(text_of(args[2])), MRUN_ARGUMENT);
        at::Tensor t;
        if (args[0].kind == MRUN_TENSOR) {
          const at::Tensor given = from_value(call, args[0]);
          const c10::ScalarType wanted = type.value_or(given.scalar_type());
          t = given.to(device.value_or(given.device()), wanted, /*non_blocking=*/false, /*copy=*/true);
        } else {
          t = from_lists(args[0], type).to(device.value_or(c10::kCPU));
        }
        results[0] = to_value(call, t);
      },
      MRUN_ARGUMENT);
}

const mrun_op tensor_op = {sizeof(mrun_op),
                           0,
                           "torch.tensor@1(Any data, *, ScalarType? dtype=None, Device? device=None) -> Tensor",
                           "A new tensor from a number, a boolean, nested lists of them, or a tensor.\n\n"
                           "Without dtype, numbers give float32 whatever their values, booleans bool, and a tensor "
                           "keeps its own, as it does its device.",
                           "Any,str?,str?->Tensor",
                           &make_tensor,
                           nullptr};

}  // namespace

int register_tensor(mrun_registry *registry) { return mrun::host->add_op(registry, &tensor_op); }

}  // namespace mrun_torch
