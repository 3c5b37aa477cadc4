// Schemas: PyTorch's notation for an operation's name, version, parameters and results (plugin.h, 8), and the checks
// from it.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
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
  bool may_be_empty = false;      // T[n] whose default is an empty list: one may be given too
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
  Value default_value;               // already of the parameter's type
  std::vector<std::string> aliases;  // other names that a keyword argument may use
  bool is_called(std::string_view word) const;
};

struct Schema {
  std::string name;      // "image.resize", "text.SentencePiece.encode", "aten.softmax"
  std::string overload;  // ATen: "int", "dim_max"; else empty
  int32_t version = 0;   // 0: none (a namespace's operation, a model's method)
  std::vector<Parameter> parameters;
  std::vector<Type> results;
  std::vector<std::string> result_names;  // as many; empty where a result has none
  // The number of the result that is called so, or whose place from 1 on this is: "hidden", "2". Nothing if there is none.
  std::optional<size_t> find_result(std::string_view name) const;
  std::string full_name() const;  // "image.resize@1"
  std::string text() const;       // canonical; parse_schema(text()) is the same schema but for aliases
  std::string signature() const;  // "Tensor,int[],str->Tensor", what mrun_op.signature is compared with
};

// A parameter's other names follow its own: "int dim|axis". Throws USAGE: what is wrong, at which character.
Schema parse_schema(std::string_view);

// Whether code that takes and gives `signature` (mrun_op.signature) can serve the schema: the same types, where the
// code may take Any for everything, T? for T, and str for ScalarType and Device.
bool serves(std::string_view signature, const Schema &);

// Arguments as a script gives them -> one borrowed mrun_value a parameter, defaults filled in, types exact (plugin.h,
// 8). Numbers from scripts come as MRUN_FLOAT; an integral one fits int. Keywords: a map, or nil; a map whose place is
// that of a positional argument (plugin.h, 8) is taken as that argument.
class Arguments {
 public:
  // Throws ARGUMENT with `operation` and `argument` set: "image.resize: size: want int[], got a string of 3 bytes".
  // Reads no tensor's data. What is passed in must outlive this object.
  Arguments(const Schema &, std::span<const mrun_value> positional, const mrun_value &keywords);
  std::span<const mrun_value> values() const { return {data_, size_}; }
  // An object whose type has to_tensor stands where a Tensor is wanted.
  bool has_tensor_objects() const { return tensor_objects_; }
  void replace(size_t parameter, Value);  // by a value of its type
  Arguments(const Arguments &) = delete;
  Arguments &operator=(const Arguments &) = delete;

 private:
  void convert(const Schema &, size_t parameter, const mrun_value &given);
  void set_default(const Schema &, size_t parameter);

  static constexpr size_t inline_size = 12;  // few operations have more: a call of the others wants no memory
  mrun_value inline_[inline_size];
  std::vector<mrun_value> heap_;
  std::vector<Value> made_;  // lists and maps that were converted
  mrun_value *data_ = inline_;
  size_t size_ = 0;
  bool tensor_objects_ = false;
};

// Throws, as Arguments does where there is one form, what is wrong with a keyword that none of several takes: its name, or its
// value. Returns where one of them takes it: something else is wrong.
void refuse_keyword(const std::string &name, std::span<const Schema *const> forms, const mrun_entry &);

// How well arguments fit, for the choice among overloads: the sum of the costs of the conversions, 0 exact; negative:
// they do not fit. Exact 0; number to Scalar 1, to float 1, bool to Scalar 2; one T to T[n] or T[] 1; list of floats 1;
// nil to None 0, nil where only a default exists 1; an object that stands for a tensor 1; to Any 3; number to Tensor
// and bool to int do not fit. No exception, no allocation.
int fit(const Schema &, std::span<const mrun_value> positional, const mrun_value &keywords);

// The cost of one value for a type, as above; negative: it does not fit.
int conversion_cost(const Type &, const mrun_value &);

// Checks one value against a type the way a call does; for results and tests.
inline bool matches(const Type &type, const mrun_value &value) { return conversion_cost(type, value) >= 0; }

}  // namespace mrun
