// Schemas: PyTorch's notation for an operation's name, version, parameters and results (plugin.h, 8), and the checks
// from it.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "value/tensor.h"

namespace mrun {

enum class Base : uint8_t {
  tensor,
  integer,
  number,
  boolean,
  string,
  scalar,
  any,
  callable,
  device,
  scalar_type,
  generator,
  dict,
  object
};

struct Type {
  Base base = Base::any;
  std::string object;             // Base::object: "text.SentencePiece"
  std::shared_ptr<Type> element;  // Base::dict: the values' type
  bool list = false;              // T[]
  int32_t fixed = 0;              // T[n]: n, a single T is then accepted and repeated; 0: T[]
  bool optional = false;          // T?: nil is accepted
  bool element_optional = false;  // T?[]: nil is accepted inside the list
  bool written = false;           // Tensor(a!): written in place
  char alias = 0;                 // Tensor(a): 'a'
  std::string text() const;       // as in a schema, without alias marks
};

struct Parameter {
  std::string name;
  Type type;
  bool has_default = false;
  bool keyword_only = false;
  Value default_value;  // already of the parameter's type
};

struct Schema {
  std::string name;      // "image.resize", "text.SentencePiece.encode", "aten.softmax"
  std::string overload;  // ATen: "int", "dim_max"; else empty
  int32_t version = 0;   // 0: none (a namespace's operation, a model's method)
  std::vector<Parameter> parameters;
  std::vector<Type> results;
  std::string full_name() const;  // "image.resize@1"
  std::string text() const;       // canonical; parse(text()) is the same schema
  std::string signature() const;  // "Tensor,int[],str->Tensor", what mrun_op.signature is compared with
};

// Throws USAGE: what is wrong, at which character.
Schema parse_schema(std::string_view);

// Arguments as a script gives them -> one borrowed mrun_value a parameter, defaults filled in, types exact (plugin.h,
// 8). Numbers from scripts come as MRUN_FLOAT; an integral one fits int. Keywords: a map, or nil.
class Arguments {
 public:
  // Throws ARGUMENT with `operation` and `argument` set: "image.resize: size: want int[], got a string of 3 bytes".
  // Reads no tensor's data. What is passed in must outlive this object.
  Arguments(const Schema &, std::span<const mrun_value> positional, const mrun_value &keywords);
  std::span<const mrun_value> values() const { return {data_, size_}; }
  Arguments(const Arguments &) = delete;
  Arguments &operator=(const Arguments &) = delete;

 private:
  static constexpr size_t inline_size = 12;
  mrun_value inline_[inline_size];
  std::vector<mrun_value> heap_;
  std::vector<Value> made_;  // lists that were converted
  mrun_value *data_ = inline_;
  size_t size_ = 0;
};

// How well arguments fit, for the choice among overloads: the sum of the costs of the conversions, 0 exact; negative:
// they do not fit. Exact 0; number to Scalar 1, to float 1, bool to Scalar 2; one int to int[n] 1; list of floats 1;
// nil to None 0, nil where only a default exists 1; number to Tensor and bool to int do not fit. No exception, no
// allocation.
int fit(const Schema &, std::span<const mrun_value> positional, const mrun_value &keywords);

// Checks one value against a type the way a call does; for results and tests.
bool matches(const Type &, const mrun_value &);

}  // namespace mrun
