// Division of integers: the processor traps where the least number of a type is divided by -1, since the quotient is not
// in the type.
#include <ATen/ops/any.h>
#include <ATen/ops/eq.h>
#include <ATen/ops/logical_and.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/result_type.h>

#include <limits>
#include <mrun/plugin.hpp>

#include "checks.h"
#include "convert.h"

namespace mrun_torch {
namespace {

using c10::IValue;

// The type that both are divided in.
c10::ScalarType common_type(const IValue &a, const IValue &b) {
  if (a.isTensor() && b.isTensor()) return at::result_type(a.toTensor(), b.toTensor());
  if (a.isTensor()) return at::result_type(a.toTensor(), b.toScalar());
  return b.isTensor() ? at::result_type(a.toScalar(), b.toTensor()) : c10::kFloat;
}

int64_t least_of(c10::ScalarType type) {
  return type == c10::kLong ? std::numeric_limits<int64_t>::min() : std::numeric_limits<int32_t>::min();
}

// What a number is in the type of the division, which takes its low bits: 2^32 - 1 is -1 beside a tensor of int32.
int64_t cut(int64_t number, c10::ScalarType type) {
  return type == c10::kLong ? number : static_cast<int32_t>(static_cast<uint32_t>(number));
}

// Where an operand, in the type of the division, is `value`: a tensor of booleans, or undefined where it is nowhere.
at::Tensor where_equal(const IValue &operand, int64_t value, c10::ScalarType type) {
  if (!operand.isTensor()) {
    const at::Scalar s = operand.toScalar();
    return s.isIntegral(true) && cut(s.toLong(), type) == value ? at::ones({}, c10::kBool) : at::Tensor();
  }
  const at::Tensor &t = operand.toTensor();
  const bool narrower = c10::elementSize(t.scalar_type()) < c10::elementSize(type);
  if (narrower && value < std::numeric_limits<int16_t>::min()) return {};
  if (t.scalar_type() == c10::kByte || t.scalar_type() == c10::kBool) return {};
  // A wider type is that of a tensor without dimensions, which counts as a number.
  at::Tensor places = at::eq(narrower ? t : t.to(type), value);
  return at::any(places).item<bool>() ? places : at::Tensor();
}

// Where a division would trap; undefined where none would.
at::Tensor traps(KernelCall &call) {
  const IValue &a = *call.find("self"), &b = *call.find("other");
  if (b.isTensor() && !b.toTensor().defined()) return {};
  const c10::ScalarType type = common_type(a, b);
  if (type != c10::kLong && type != c10::kInt) return {};  // C++ divides narrower ones as int
  const at::Tensor divisors = where_equal(b, -1, type);
  if (!divisors.defined()) return {};
  const at::Tensor dividends = where_equal(a, least_of(type), type);
  if (!dividends.defined()) return {};
  at::Tensor both = at::logical_and(dividends, divisors);
  return at::any(both).item<bool>() ? both : at::Tensor();
}

// The quotient is in no type.
void check_quotient(KernelCall &call) {
  if (!traps(call).defined()) return;
  throw mrun::error(MRUN_ARGUMENT, call.name() +
                                       ": the least integer of its type is divided by -1, and no integer of "
                                       "that type is the result");
}

// div divides as numbers do, but where a rounding is named.
void check_rounded_quotient(KernelCall &call) {
  if (call.find("rounding_mode")->isString()) check_quotient(call);
}

// The remainder of a division by -1 is 0, as that of a division by 1.
void check_remainder(KernelCall &call) {
  if (!traps(call).defined()) return;
  IValue &divisor = *call.find("other");
  if (!divisor.isTensor()) {
    divisor = 1;
    return;
  }
  const c10::ScalarType type = common_type(*call.find("self"), divisor);
  divisor = divisor.toTensor().masked_fill(where_equal(divisor, -1, type), 1);
}

// Its greatest common divisor with another number may come out as -1, by which it is then divided.
void check_multiple(KernelCall &call) {
  const c10::ScalarType type = common_type(*call.find("self"), *call.find("other"));
  if (type != c10::kLong && type != c10::kInt) return;
  for (const char *operand : {"self", "other"}) {
    if (!where_equal(*call.find(operand), least_of(type), type).defined()) continue;
    throw mrun::error(MRUN_ARGUMENT, call.name() + ": the least integer of its type has no multiple that is positive");
  }
}

}  // namespace

const std::vector<CheckRule> &division_checks() {
  static const std::vector<CheckRule> rules = {{"div", &check_rounded_quotient, "rounding_mode"},
                                               {"divide", &check_rounded_quotient, "rounding_mode"},
                                               {"floor_divide", &check_quotient},
                                               {"remainder", &check_remainder},
                                               {"fmod", &check_remainder},
                                               {"lcm", &check_multiple}};
  return rules;
}

}  // namespace mrun_torch
