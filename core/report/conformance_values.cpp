#include "report/conformance_values.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/text.h"

namespace mrun {
namespace {

template <class T>
Tensor filled_tensor(DLDataType type, const Shape &shape, std::initializer_list<T> elements) {
  Tensor t = Tensor::empty(type, shape);
  std::memset(t.data(), 0, t.nbytes());
  std::copy(elements.begin(), elements.end(), t.data<T>());
  return t;
}

std::vector<Value> tensors() {
  const Tensor matrix = filled_tensor<float>(dtype::float32, {2, 3}, {1, 2, 3, 4, 5, 6});
  const float nan = std::numeric_limits<float>::quiet_NaN();
  return {filled_tensor<float>(dtype::float32, {4}, {1, 2, 3, 4}),
          matrix,
          filled_tensor<uint8_t>(dtype::uint8, {5}, {104, 101, 108, 108, 111}),
          filled_tensor<uint8_t>(dtype::uint8, {4, 4, 3}, {1, 2, 3}),
          filled_tensor<int64_t>(dtype::int64, {3}, {0, 1, 2}),
          filled_tensor<double>(dtype::float64, {2}, {0.5, -0.5}),
          matrix.view({3, 2}, {1, 3}, 0),  // transposed
          matrix.view({2, 3}, {0, 1}, 0),  // the same row twice
          filled_tensor<float>(dtype::float32, {}, {3}),
          filled_tensor<float>(dtype::float32, {0}, {}),
          filled_tensor<float>(dtype::float32, {2, 0, 3}, {}),
          filled_tensor<float>(dtype::float32, {3}, {nan, 1, -INFINITY}),
          filled_tensor<int64_t>(dtype::int64, {2}, {-1, std::numeric_limits<int64_t>::max()}),
          filled_tensor<uint16_t>(dtype::float16, {2}, {0x3c00, 0x7c00}),
          filled_tensor<bool>(dtype::boolean, {2}, {true, false}),
          filled_tensor<float>(dtype::complex64, {1}, {1, 1})};
}

std::vector<Value> integers() {
  std::vector<Value> v;
  for (const int64_t i : {int64_t{1}, int64_t{2}, int64_t{0}, int64_t{-1}, int64_t{1000}, int64_t{1} << 31,
                          int64_t{1} << 53, -(int64_t{1} << 53)}) {
    v.push_back(Value::integer(i));
  }
  return v;
}

std::vector<Value> numbers() {
  std::vector<Value> v;
  constexpr double infinite = std::numeric_limits<double>::infinity();
  for (const double d : {0.5, 1.0, 0.0, -1.0, 1e308, -1e-308, infinite, std::nan("")}) v.push_back(Value::number(d));
  return v;
}

std::vector<Value> string_values() {
  constexpr size_t long_text = 70000;
  return {Value::string("a"),
          Value::string("two words"),
          Value::string(""),
          Value::string({"a\0b", 3}),
          Value::string("\xc3\xa9\xf0\x9f\x98\x80"),
          Value::string(std::string(long_text, 'x'))};
}

std::vector<Value> any_values() {
  std::vector<Value> v = tensors();
  for (const auto &more : {integers(), numbers(), string_values()}) v.insert(v.end(), more.begin(), more.end());
  v.push_back(Value::boolean(true));
  v.push_back(Value::list({}));
  v.push_back(Value::list({Value::number(1), Value::string("a"), {}}));
  v.push_back(Value::map({{"a", Value::number(1)}}));
  return v;
}

std::vector<Value> single_values(const Type &type, const ObjectPool &pool) {
  switch (type.base) {
    case Base::tensor: return tensors();
    case Base::integer: return integers();
    case Base::number: return numbers();
    case Base::boolean: return {Value::boolean(true), Value::boolean(false)};
    case Base::string: return string_values();
    case Base::scalar: return {Value::integer(1), Value::number(0.5), Value::boolean(true)};
    case Base::any: return any_values();
    case Base::device: return {Value::string("cpu")};
    case Base::scalar_type: return {Value::string("float32"), Value::string("int64"), Value::string("bool")};
    case Base::dict: return {Value::map({})};
    case Base::object: {
      const auto made = pool.find(type.object);
      return made == pool.end() ? std::vector<Value>{} : std::vector<Value>{made->second};
    }
    case Base::callable:
    case Base::generator: return {};
  }
  return {};
}

}  // namespace

std::vector<Value> odd_values() {
  std::vector<Value> v = any_values();
  v.emplace_back();
  return v;
}

std::vector<Value> fitting_values(const Type &type, const ObjectPool &pool) {
  std::vector<Value> singles = single_values(type, pool), out;
  if (type.list) {
    for (const Value &v : singles) out.push_back(Value::list(std::vector<Value>(std::max(type.fixed, 2), v)));
    if (type.fixed == 0) out.push_back(Value::list({}));
  } else {
    out = std::move(singles);
  }
  if (type.optional || type.base == Base::any) out.emplace_back();
  return out;
}

std::string unlawful(const Value &v) {
  if (v.is_string() && !valid_utf8(v.as_string())) return "a text that is not UTF-8";
  std::string wrong;
  if (v.is_list()) {
    for (const Value &item : v.as_list()) wrong = wrong.empty() ? unlawful(item) : wrong;
  }
  if (v.is_map()) {
    const Entry *last = nullptr;
    for (const Entry &e : v.as_map()) {
      if (!valid_utf8(e.key())) return "a map with a key that is not UTF-8";
      if (last != nullptr && last->key() == e.key()) return "a map with a key twice";
      if (last != nullptr && last->key() > e.key()) return "a map whose keys are not in order";
      last = &e;
      wrong = wrong.empty() ? unlawful(e.value()) : wrong;
    }
  }
  return wrong;
}

std::string described(const Value &v) {
  if (v.is_tensor()) {
    const Tensor t(v);
    const bool steps = !t.is_contiguous();
    return fmt::format("{} [{}]{}", dtype_name(t.dtype()), fmt::join(t.shape(), ", "), steps ? ", not contiguous" : "");
  }
  constexpr size_t most = 40;
  switch (v.kind()) {
    case MRUN_NIL: return "nil";
    case MRUN_BOOL: return v.as_bool() ? "true" : "false";
    case MRUN_INT: return std::to_string(v.as_int());
    case MRUN_FLOAT: return fmt::format("{}", v.c().as.number);
    case MRUN_STRING: return fmt::format("\"{}\"", printable(v.as_string(), most));
    default: return describe(v.c());
  }
}

}  // namespace mrun
