#include "value/dlpack.h"

#include <algorithm>
#include <mrun/message.hpp>

#include "base/article.h"
#include "base/error.h"

namespace mrun {
namespace {

constexpr uint64_t flag_read_only = 1;  // DLPACK_FLAG_BITMASK_READ_ONLY
constexpr int32_t most_dimensions = 64;

[[noreturn]] void refuse(const char *what, const char *wrong) { fail(MRUN_USAGE, "{}: {}", what, wrong); }

void want(bool condition, const char *what, const char *wrong) {
  if (!condition) refuse(what, wrong);
}

// Where the elements' indices lie, seen from the first one's.
struct Reach {
  int64_t lowest = 0, highest = 0;
  bool empty = false, overflow = false;
};

Reach reach(const DLTensor &t, const char *what) {
  Reach r;
  int64_t row_major = 1;
  for (int32_t d = t.ndim; d-- > 0;) {
    const int64_t size = t.shape[d];
    want(size >= 0, what, "a dimension is negative");
    r.empty |= size == 0;
    if (size <= 1) continue;
    int64_t far = 0;
    r.overflow |= __builtin_mul_overflow(t.strides != nullptr ? t.strides[d] : row_major, size - 1, &far);
    r.overflow |=
        far < 0 ? __builtin_add_overflow(r.lowest, far, &r.lowest) : __builtin_add_overflow(r.highest, far, &r.highest);
    r.overflow |= __builtin_mul_overflow(row_major, size, &row_major);
  }
  return r;
}

template <class Managed>
struct Exported {
  Managed managed{};
  Tensor tensor;
};

template <class Managed>
std::unique_ptr<Exported<Managed>> exported(const Tensor &t) {
  auto made = std::make_unique<Exported<Managed>>();
  made->tensor = t;
  made->managed.dl_tensor = t.dl();
  made->managed.manager_ctx = made.get();
  made->managed.deleter = [](Managed *dl) { delete static_cast<Exported<Managed> *>(dl->manager_ctx); };
  return made;
}

}  // namespace

MemoryRange memory_range(const DLTensor &t, const char *what) {
  want(t.ndim >= 0 && t.ndim <= most_dimensions, what, "the tensor has a negative number of dimensions, or above 64");
  want(t.ndim == 0 || t.shape != nullptr, what, "the tensor's shape is NULL");
  const Reach r = reach(t, what);
  if (r.empty) return {};
  const auto item = static_cast<int64_t>(item_size(t.dtype));
  int64_t low = 0, high = 0;
  const bool fits = !r.overflow && !__builtin_add_overflow(r.highest, 1, &high) &&
                    !__builtin_mul_overflow(high, item, &high) && !__builtin_mul_overflow(r.lowest, item, &low);
  want(fits && t.byte_offset <= INT64_MAX, what, "the tensor's shape and strides overflow");
  want(t.data != nullptr, what, "the tensor has elements but no memory");
  const char *data = static_cast<const char *>(t.data) + t.byte_offset;
  return {data + low, data + high};
}

void check_dtype(DLDataType t, const char *what) {
  if (*dtype_name(t) != '?') return;
  fail(MRUN_USAGE, "{}: no dtype has code {}, {} and {}", what, t.code, counted(t.bits, "bit"),
       counted(t.lanes, "lane"));
}

MemoryRange check_tensor(const DLTensor &t, const char *what) {
  check_dtype(t.dtype, what);
  const int32_t kind = device_kind(t.device);
  if ((kind != kDLCPU && kind != kDLCUDA) || t.device.device_id < 0) {
    fail(MRUN_USAGE, "{}: want a tensor on the CPU or a CUDA device, got {}", what, device_name(t.device));
  }
  const MemoryRange range = memory_range(t, what);
  const size_t alignment = t.dtype.code == kDLComplex ? item_size(t.dtype) / 2 : item_size(t.dtype);
  const auto first = reinterpret_cast<uintptr_t>(t.data) + t.byte_offset;
  if (range.bytes() > 0 && first % alignment != 0) {
    fail(MRUN_USAGE, "{}: the first element of {} tensor lies at no multiple of {} bytes", what,
         with_article(dtype_name(t.dtype)), alignment);
  }
  return range;
}

Tensor given_tensor(DLManagedTensor *dl, const char *what) {
  want(dl != nullptr, what, "the tensor is NULL");
  OwnedDlpack<DLManagedTensor> guard(dl);
  check_tensor(dl->dl_tensor, what);
  return Tensor::give(guard.release());
}

Tensor given_tensor(DLManagedTensorVersioned *dl, const char *what) {
  want(dl != nullptr, what, "the tensor is NULL");
  OwnedDlpack<DLManagedTensorVersioned> guard(
      dl);  // version, manager_ctx and deleter are where they are in every version
  if (dl->version.major != 1)
    fail(MRUN_USAGE, "{}: want DLPack 1.x, got {}.{}", what, dl->version.major, dl->version.minor);
  const DLTensor &t = dl->dl_tensor;
  check_tensor(t, what);
  const Shape shape(t.shape, t.shape + t.ndim), strides(t.strides, t.strides == nullptr ? nullptr : t.strides + t.ndim);
  const bool readonly = (dl->flags & flag_read_only) != 0;
  char *const first = static_cast<char *>(t.data) + t.byte_offset;
  std::shared_ptr<DLManagedTensorVersioned> keep(guard.release(), guard.get_deleter());
  return Tensor::over(first, t.dtype, shape, std::move(keep), readonly, strides, t.device);
}

DLManagedTensor *export_tensor(const Tensor &t) { return &exported<DLManagedTensor>(t).release()->managed; }

DLManagedTensorVersioned *export_versioned(const Tensor &t) {
  auto made = exported<DLManagedTensorVersioned>(t);
  made->managed.version = {1, 0};
  made->managed.flags = t.readonly() ? flag_read_only : 0;
  return &made.release()->managed;
}

}  // namespace mrun
