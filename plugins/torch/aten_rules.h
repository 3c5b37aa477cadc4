// Which of ATen's operators a script may reach. The rule is by pattern, so that it holds for libtorch's future
// operators of the same families too.
#pragma once
#include <ATen/core/function_schema.h>

#include <string_view>

namespace mrun_torch {

// By name, without "aten::": internals, and operators that reach files, storage, memory that was not initialized,
// layouts that no value can carry, or state outside their arguments.
bool denied_name(std::string_view name);

// By schema, for a name that is not denied: out= and named-dimension forms, and types that no value can carry.
// seeded: the operator draws random numbers, which needs a generator, or a dropout that is 0.
bool denied_overload(const c10::FunctionSchema &schema, bool seeded);

// Parameters that scripts never give: memory layout (always the default), pinned memory, generators (the item's), and
// what libtorch does not check or what turns its checks off.
bool hidden_parameter(const c10::Argument &parameter);

// A probability: where it is 0 the operator draws nothing.
bool dropout_parameter(const c10::Argument &parameter);

}  // namespace mrun_torch
