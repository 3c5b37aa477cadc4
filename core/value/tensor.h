// Tensor: a Value of kind tensor. DLPack memory, any strides; counted, shared by copies and views.
//
// Its numbers (dtype, shape, strides) never change; from outside they come through value/dlpack, which has checked that none
// overflows. Its elements may, through whoever has it and it is not read-only for: nobody guards them, an item's tensors are its
// own thread's.
#pragma once
#include <dlpack/dlpack.h>

#include <cstring>
#include <functional>
#include <memory>
#include <optional>

#include "base/budget.h"
#include "value/value.h"

namespace mrun {

using Shape = std::vector<int64_t>;

// kDLBool is missing from DLPack headers before 0.8; the code is 6 in every version.
inline constexpr uint8_t dl_bool = 6;
// So are the 8-bit floats, before 1.1.
inline constexpr uint8_t dl_float8_e4m3fn = 10, dl_float8_e5m2 = 12;
namespace dtype {
inline constexpr DLDataType uint8{kDLUInt, 8, 1}, uint16{kDLUInt, 16, 1}, uint32{kDLUInt, 32, 1},
    uint64{kDLUInt, 64, 1}, float8_e4m3fn{dl_float8_e4m3fn, 8, 1}, float8_e5m2{dl_float8_e5m2, 8, 1},
    int8{kDLInt, 8, 1}, int16{kDLInt, 16, 1}, int32{kDLInt, 32, 1}, int64{kDLInt, 64, 1}, float16{kDLFloat, 16, 1},
    bfloat16{kDLBfloat, 16, 1}, float32{kDLFloat, 32, 1}, float64{kDLFloat, 64, 1}, boolean{dl_bool, 8, 1},
    complex64{kDLComplex, 64, 1}, complex128{kDLComplex, 128, 1};
}
inline bool operator==(DLDataType a, DLDataType b) {
  return a.code == b.code && a.bits == b.bits && a.lanes == b.lanes;
}
const char *dtype_name(DLDataType);  // "float32", "bool", "int64" …; "?" for others
std::optional<DLDataType> dtype_of(
    std::string_view name);  // the same names, PyTorch's aliases too ("float", "long", "half")
inline size_t item_size(DLDataType t) { return (size_t{t.bits} * t.lanes + 7) / 8; }
inline constexpr DLDevice cpu{kDLCPU, 0};
// The kind of a device that comes from outside, as a number: an enum may not be read where it has no such value.
inline int32_t device_kind(const DLDevice &d) {
  int32_t kind = 0;
  static_assert(sizeof d.device_type == sizeof kind);
  std::memcpy(&kind, &d.device_type, sizeof kind);
  return kind;
}
std::string device_name(DLDevice);  // "cpu", "cuda:0"

// What a tensor's owner points to.
struct TensorBlock;

class Tensor : public Value {
 public:
  Tensor() = default;  // nil; give it a tensor before use
  // Row-major, 64-byte aligned, not initialized. Throws MEMORY, or QUOTA where the budget does not allow it (the bytes
  // are given back to it when the memory goes).
  static Tensor empty(DLDataType, const Shape &, std::shared_ptr<Budget> = nullptr);
  // Takes over dl, also when it throws. `charged` bytes go back to the budget, and `keep` is let go, when the memory
  // goes.
  static Tensor give(DLManagedTensor *dl, std::shared_ptr<Budget> = nullptr, int64_t charged = 0,
                     std::shared_ptr<const void> keep = nullptr);
  // A view of memory that `keep` keeps alive. Empty strides: row-major.
  static Tensor over(void *data, DLDataType, const Shape &, std::shared_ptr<const void> keep, bool readonly,
                     const Shape &strides = {}, DLDevice = cpu);
  // Another shape, strides and first element (in elements from data()) of the same memory.
  Tensor view(std::span<const int64_t> shape, std::span<const int64_t> strides, int64_t offset) const;
  Tensor view(const Shape &shape, const Shape &strides, int64_t offset) const {
    return view(std::span(shape), std::span(strides), offset);
  }
  Tensor read_only() const;  // the same memory, flagged: in-place operations refuse it
  // Itself where row-major, else a copy, inside the budget. Throws ARGUMENT where it does not lie on the CPU.
  Tensor contiguous(std::shared_ptr<Budget> = nullptr) const;
  Tensor clone(std::shared_ptr<Budget> = nullptr) const;  // a row-major copy, always; its media type too
  Tensor with_media_type(std::string type) const;         // bytes: "image/png"
  static Tensor copy(const mrun_value &borrowed) { return Tensor(Value::copy(borrowed)); }
  explicit Tensor(Value v);  // v must be a tensor

  const DLTensor &dl() const { return c().as.tensor.dl->dl_tensor; }
  DLDataType dtype() const { return dl().dtype; }
  int32_t dim() const { return dl().ndim; }
  Shape shape() const { return {dl().shape, dl().shape + dl().ndim}; }
  Shape strides() const;  // in elements, also where DLPack's strides are NULL
  int64_t size(int32_t d) const { return dl().shape[d]; }
  int64_t numel() const;
  // If it were row-major: of one that repeats elements (strides of 0) more than it has, and it may overflow.
  size_t nbytes() const { return static_cast<size_t>(numel()) * item_size(dtype()); }
  bool is_contiguous() const;
  bool readonly() const { return (c().flags & MRUN_READONLY) != 0; }
  bool on_cpu() const { return dl().device.device_type == kDLCPU; }
  template <class T = void>
  T *data() const {
    return reinterpret_cast<T *>(static_cast<char *>(dl().data) + dl().byte_offset);
  }
  std::string_view bytes() const { return {data<const char>(), nbytes()}; }  // of a contiguous one
  std::string_view media_type() const;                                       // "" where none was given
};

// Elements of a file: a view of `bytes` (1-D uint8) from byte `offset` on, alive as long as it and read-only if it is;
// a copy where they would lie unaligned. The caller has checked that they lie inside and are dense (empty strides:
// row-major). Throws `code`, beginning with `name`, where a boolean is neither 0 nor 1.
Tensor typed_view(const Tensor &bytes, size_t offset, DLDataType, const Shape &, const Shape &strides,
                  std::string_view name, mrun_code code);

// numel * item size, or nothing where it overflows or a dimension is negative.
std::optional<int64_t> checked_nbytes(DLDataType, std::span<const int64_t> shape);
std::string shape_text(std::span<const int64_t>);  // "[3, 224, 224]"

}  // namespace mrun
