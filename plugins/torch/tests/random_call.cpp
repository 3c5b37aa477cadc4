#include "random_call.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "support.h"

namespace test {
namespace {

using mrun::Base;
using mrun::Shape;
using mrun::Type;

constexpr double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
const double least = -std::ldexp(1.0, 63);

const std::vector<Shape> shapes = {{},
                                   {0},
                                   {1},
                                   {2},
                                   {3},
                                   {5},
                                   {2, 3},
                                   {3, 3},
                                   {4, 4},
                                   {3, 2},
                                   {0, 3},
                                   {1, 1},
                                   {33, 2},
                                   {1, 2, 3},
                                   {2, 3, 4},
                                   {3, 3, 3},
                                   {2, 0, 3},
                                   {1, 2, 4, 4},
                                   {2, 2, 3, 3},
                                   {1, 4, 4, 4},
                                   {1, 2, 3, 4, 4},
                                   {1, 1, 4, 4, 4},
                                   {1, 1, 1, 1, 1, 1}};
const std::vector<std::string> floats = {"float32", "float32", "float32",  "float32",
                                         "float64", "float16", "bfloat16", "complex64"};
const std::vector<std::string> others = {"int64", "int64", "int64", "int32", "uint8", "bool", "int8", "int16"};
const std::vector<double> small = {0, 1, 1, 2, 2, 3, -1, -1, -2, 4, 5, 7};
const std::vector<double> large = {100,
                                   1000,
                                   32768,
                                   65536,
                                   -100,
                                   2147483647,
                                   2147483648,
                                   -2147483648.0,
                                   4294967296,
                                   1099511627776,
                                   9007199254740992,
                                   -9007199254740992};
const std::vector<double> reals = {0,    1,   -1,    0.5,    2,      0.1,          3,      -0.5, 1e-5, 1e5, inf,
                                   -inf, nan, 1e308, -1e308, 1e-308, 2147483648.0, -least, least};
const std::vector<std::string> words = {
    "mean",     "sum",       "none",      "floor", "trunc",    "linear",   "nearest", "bilinear", "reflect",
    "constant", "circular",  "replicate", "ij",    "xy",       "left",     "right",   "fro",      "nuc",
    "L",        "R",         "V",         "N",     "amax",     "amin",     "prod",    "bessel",   "gelsd",
    "gels",     "gelsy",     "gelss",     "ortho", "forward",  "backward", "tanh",    "lower",    "upper",
    "a,b->b",   "ij,jk->ik", "...",       "",      "midpoint", "higher"};
const std::vector<std::string> dtypes = {"float32", "float64", "int64",    "int32",     "bool",      "uint8",
                                         "int8",    "float16", "bfloat16", "complex64", "complex128"};

class Maker {
 public:
  explicit Maker(uint64_t seed) : random_(seed) {}

  RandomCall call(const std::vector<const mrun::OperationSet *> &operators) {
    RandomCall c;
    c.set = pick(operators);
    c.operation = pick(c.set->overloads);
    shape_ = pick(shapes);
    dtype_ = pick(chance(0.7) ? floats : others);
    for (const mrun::Parameter &p : c.operation->schema.parameters) {
      if (p.has_default && chance(0.35)) {
        by_name_ = true;
        continue;
      }
      Value v = argument(p.type, p.name);
      if (by_name_ || p.keyword_only) {
        if (!v.is_nil()) c.keywords.emplace_back(p.name, std::move(v));
      } else {
        c.args.push_back(std::move(v));
      }
    }
    return c;
  }

 private:
  bool chance(double p) { return std::uniform_real_distribution<double>(0, 1)(random_) < p; }
  size_t below(size_t n) { return std::uniform_int_distribution<size_t>(0, n - 1)(random_); }
  template <class T>
  const T &pick(const std::vector<T> &from) {
    return from[below(from.size())];
  }

  Value argument(const Type &type, const std::string &name) {
    if ((type.optional || type.element_optional) && chance(0.4)) return {};
    const bool index = name.find("ind") != std::string::npos || name.find("offsets") != std::string::npos;
    if (!type.list) return one(type, index);
    static const std::vector<size_t> lengths = {0, 1, 2, 2, 3, 4, 6, 9};
    const auto n = static_cast<size_t>(type.fixed);
    const size_t length = type.fixed == 0 ? pick(lengths) : chance(0.75) ? n : pick({n - 1, n + 1, 0, 1, 2 * n});
    std::vector<Value> items;
    const bool same = chance(0.3);
    for (size_t i = 0; i < length; ++i) {
      items.push_back(same && i > 0                          ? Value::copy(items[0].c())
                      : type.element_optional && chance(0.3) ? Value()
                                                             : one(type, index));
    }
    return Value::list(std::move(items));
  }
  size_t pick(std::initializer_list<size_t> from) { return *(from.begin() + below(from.size())); }

  Value one(const Type &type, bool index) {
    switch (type.base) {
      case Base::tensor: return tensor(index);
      case Base::integer: return Value::number(pick(chance(0.85) ? small : large));
      case Base::number:
      case Base::scalar: return Value::number(pick(chance(0.6) ? reals : small));
      case Base::boolean: return Value::boolean(chance(0.5));
      case Base::string: return Value::string(pick(words));
      case Base::scalar_type: return Value::string(pick(dtypes));
      default: return Value::string("cpu");
    }
  }

  Value tensor(bool index) {
    Shape shape = shape_;
    const auto at = [&] { return shape.begin() + static_cast<std::ptrdiff_t>(below(shape.size())); };
    const size_t change = below(20);
    if (change < 3 && !shape.empty()) {
      *at() = static_cast<int64_t>(pick({0, 1, 2, 3, 5}));
    } else if (change < 5 && !shape.empty()) {
      shape.erase(at());
    } else if (change < 6) {
      shape.insert(shape.begin(), static_cast<int64_t>(pick({1, 2, 3})));
    } else if (change < 9) {
      shape = pick(shapes);
    }
    const bool integers = index ? chance(0.9) : others.end() != std::find(others.begin(), others.end(), dtype_);
    const std::string dtype = index ? pick(others) : chance(0.2) ? pick(integers ? floats : others) : dtype_;
    return filled(shape, dtype);
  }
  Value filled(const Shape &shape, const std::string &dtype) {
    const bool integral = std::find(others.begin(), others.end(), dtype) != others.end();
    const std::vector<double> pool = numbers(integral);
    const Tensor wide = Tensor::empty(integral ? mrun::dtype::int64 : mrun::dtype::float64, shape);
    for (int64_t i = 0; i < wide.numel(); ++i) {
      if (integral) {
        wide.data<int64_t>()[i] = static_cast<int64_t>(pick(pool));
      } else {
        wide.data<double>()[i] = pick(pool);
      }
    }
    Call call;
    const std::vector<mrun_value> args{wide.c()};
    const Value how = Value::map({{"dtype", Value::string(dtype)}});
    static const mrun::OperationSet &to = test::registry().require("aten.to");
    return std::move(mrun::call_operation(to, call.raw, args, how.c()).values.at(0));
  }
  std::vector<double> numbers(bool integral) {
    static const std::vector<std::vector<double>> integers = {
        {0, 1, 2, 3}, {0, 1, 2, 3}, {1}, {0}, {-1, 0, 1, 5, -3, 7}, {-1, 0, 1, least}, {-1, 1, least, 4294967296, 100}};
    static const std::vector<std::vector<double>> plain = {
        {0.3, -1.2, 0.8, 2.1, -0.4},        {0.3, -1.2, 0.8, 2.1, -0.4}, {1}, {0}, {-1, 0, 1, 5, -3}, {nan, 1, 0},
        {inf, -inf, nan, 0, 1, 1e30, -1e30}};
    return pick(integral ? integers : plain);
  }

  std::mt19937_64 random_;
  Shape shape_;
  std::string dtype_;
  bool by_name_ = false;
};

std::string value_text(const Value &v) {
  if (v.is_tensor()) {
    std::string sizes;
    for (const int64_t n : v.as_tensor().shape()) sizes += (sizes.empty() ? "" : ", ") + std::to_string(n);
    return std::string(mrun::dtype_name(v.as_tensor().dtype())) + " [" + sizes + "]";
  }
  if (v.is_list()) {
    std::string items;
    for (const Value &item : v.as_list()) items += (items.empty() ? "" : ", ") + value_text(item);
    return "{" + items + "}";
  }
  if (v.is_string()) return '"' + std::string(v.as_string()) + '"';
  if (v.is_bool()) return v.as_bool() ? "true" : "false";
  return v.is_number() ? fmt::format("{}", v.as_number()) : "nil";
}

}  // namespace

std::string RandomCall::text() const {
  std::string out;
  for (const Value &v : args) out += (out.empty() ? "" : ", ") + value_text(v);
  for (const auto &[name, v] : keywords) out += (out.empty() ? "" : ", ") + name + " = " + value_text(v);
  return set->name + "(" + out + ")";
}

RandomCall random_call(const std::vector<const mrun::OperationSet *> &operators, uint64_t seed) {
  return Maker(seed).call(operators);
}

}  // namespace test
