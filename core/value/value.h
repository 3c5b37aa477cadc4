// Value: what crosses threads, stages, plugins and the host API. A C++ owner over mrun_value (types.h), the same bytes.
//
// Values are immutable once made, so copies share: strings, lists, maps, tensors and objects are counted references
// (atomic; any thread). Only a borrowed mrun_value (owner NULL) is copied for real, by Value::copy.
#pragma once
#include <mrun/types.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/block.h"
#include "base/text.h"

namespace mrun {

class Value;
class Tensor;
struct Entry;

class Value {
 public:
  Value() noexcept : v_{} {}  // nil
  Value(const Value &other) : v_(copy(other.v_).release()) {}
  Value(Value &&other) noexcept : v_(other.release()) {}
  Value &operator=(Value other) noexcept {
    std::swap(v_, other.v_);
    return *this;
  }
  ~Value() { free(&v_); }

  static Value boolean(bool);
  static Value integer(int64_t);
  static Value number(double);
  static Value string(std::string_view);  // copies; the caller has checked UTF-8 where it comes from outside
  static Value list(std::vector<Value> items);
  // Sorted by key bytes, whatever order they come in; the last of equal keys wins.
  static Value map(std::vector<std::pair<std::string, Value>> entries);
  static Value adopt(mrun_value v) noexcept {  // takes over an owned C value
    Value r;
    r.v_ = v;
    return r;
  }
  static Value copy(const mrun_value &borrowed);  // shares what has an owner, copies what has none
  static void free(mrun_value *v) noexcept;       // gives up one reference, sets it to nil
  // The C value, which its new owner frees; this is nil.
  mrun_value release() noexcept { return std::exchange(v_, mrun_value{}); }
  const mrun_value &c() const noexcept { return v_; }
  mrun_value *out() noexcept {  // for functions that write an owned value
    free(&v_);
    return &v_;
  }

  mrun_kind kind() const noexcept { return static_cast<mrun_kind>(v_.kind); }
  bool is_nil() const noexcept { return v_.kind == MRUN_NIL; }
  bool is_bool() const noexcept { return v_.kind == MRUN_BOOL; }
  bool is_int() const noexcept { return v_.kind == MRUN_INT; }
  bool is_float() const noexcept { return v_.kind == MRUN_FLOAT; }
  bool is_number() const noexcept { return is_int() || is_float(); }
  bool is_string() const noexcept { return v_.kind == MRUN_STRING; }
  bool is_tensor() const noexcept { return v_.kind == MRUN_TENSOR; }
  bool is_list() const noexcept { return v_.kind == MRUN_LIST; }
  bool is_map() const noexcept { return v_.kind == MRUN_MAP; }
  bool is_object() const noexcept { return v_.kind == MRUN_OBJECT; }

  // The kind must be right: INTERNAL where a string, list, map or tensor is wanted and is none; nil is an empty string,
  // list and map. Views live as long as this value.
  bool as_bool() const { return v_.as.boolean != 0; }
  int64_t as_int() const { return v_.as.integer; }
  double as_number() const { return is_int() ? static_cast<double>(v_.as.integer) : v_.as.number; }
  std::string_view as_string() const {
    if (is_string()) return {v_.as.string.data, v_.as.string.size};
    if (!is_nil()) wrong_kind("a string");
    return {};
  }
  std::span<const Value> as_list() const;
  std::span<const Entry> as_map() const;
  const Tensor &as_tensor() const;
  const Value *find(std::string_view key) const;  // in a map; null if there is none, or if this is no map

 private:
  [[noreturn]] void wrong_kind(const char *wanted) const;
  mrun_value v_;
};

// The same bytes as mrun_entry; keys are owned by the map.
struct Entry {
  std::string_view key() const { return {raw.key.data, raw.key.size}; }
  const Value &value() const { return reinterpret_cast<const Value &>(raw.value); }
  mrun_entry raw;
};
static_assert(sizeof(Value) == sizeof(mrun_value) && sizeof(Entry) == sizeof(mrun_entry));

// "nil" "boolean" "integer" "number" "string" "tensor" "list" "map" "object" "function"
const char *kind_name(int kind);
// For messages, without the content of texts: "a float32 tensor [3, 224, 224]", "a string of 12 bytes", "the number 3.5".
std::string describe(const mrun_value &);

}  // namespace mrun
