#include "value/tensor.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>

#include "base/article.h"
#include "base/error.h"
#include "value/owned_dlpack.h"
#include "value/root.h"

namespace mrun {

namespace {

// A shape and its strides, which rarely have more than a few dimensions: those lie in the object.
class OwnDims {
 public:
  // Empty strides: row-major.
  void set(std::span<const int64_t> shape, std::span<const int64_t> strides) {
    const size_t n = shape.size();
    if (2 * n > few_.size()) many_ = std::make_unique<int64_t[]>(2 * n);
    int64_t *const at = many_ ? many_.get() : few_.data();
    shape_ = {at, n};
    strides_ = {at + n, n};
    std::ranges::copy(shape, shape_.begin());
    if (strides.empty()) {
      row_major();
    } else {
      std::ranges::copy(strides, strides_.begin());
    }
  }
  std::span<int64_t> shape() const { return shape_; }
  std::span<int64_t> strides() const { return strides_; }

 private:
  void row_major() {
    int64_t step = 1;
    for (size_t i = shape_.size(); i-- > 0;) {
      strides_[i] = step;
      step *= std::max<int64_t>(shape_[i], 1);
    }
  }

  std::array<int64_t, 8> few_;
  std::unique_ptr<int64_t[]> many_;
  std::span<int64_t> shape_, strides_;
};

}  // namespace

struct TensorBlock : Block {
  ~TensorBlock() override {
    if (dl != nullptr && dl != &own) DlpackDeleter<DLManagedTensor>()(dl);
    std::free(memory);
    if (budget) budget->charge(-charged);
  }
  DLManagedTensor own{};             // used where the core made the tensor
  DLManagedTensor *dl = &own;        // own, or one that was handed over
  OwnDims dims;                      // of own
  void *memory = nullptr;            // allocated here
  std::shared_ptr<const void> keep;  // what owns the memory, where that is somebody else
  std::string media;
  uint64_t root = 0;               // value/root.h
  std::shared_ptr<Budget> budget;  // that `charged` bytes go back to
  int64_t charged = 0;
};

namespace {

TensorBlock *block_of(const Value &v) {
  return static_cast<TensorBlock *>(static_cast<Block *>(v.c().as.tensor.owner));
}

Tensor wrap(std::unique_ptr<TensorBlock> block, bool readonly) {
  mrun_value v{};
  v.kind = MRUN_TENSOR;
  v.flags = readonly ? MRUN_READONLY : 0;
  v.as.tensor.dl = block->dl;
  v.as.tensor.owner = static_cast<Block *>(block.release());
  return Tensor(Value::adopt(v));
}

void describe_own(TensorBlock &b, void *data, DLDataType type, DLDevice device) {
  DLTensor &t = b.own.dl_tensor;
  t.data = data;
  t.device = device;
  t.ndim = static_cast<int32_t>(b.dims.shape().size());
  t.dtype = type;
  t.shape = b.dims.shape().data();
  t.strides = b.dims.strides().data();
  t.byte_offset = 0;
}

// Copies any strides to row-major, a row of the innermost dimension at once where it lies dense.
void gather(char *out, const char *in, const DLTensor &t, const Shape &strides, int32_t d, size_t item) {
  if (d == t.ndim || (d + 1 == t.ndim && strides[static_cast<size_t>(d)] == 1)) {
    std::memcpy(out, in, d == t.ndim ? item : item * static_cast<size_t>(t.shape[d]));
    return;
  }
  size_t block = item;
  for (int32_t i = d + 1; i < t.ndim; ++i) block *= static_cast<size_t>(t.shape[i]);
  for (int64_t i = 0; i < t.shape[d]; ++i) {
    gather(out + static_cast<size_t>(i) * block, in + i * strides[static_cast<size_t>(d)] * static_cast<int64_t>(item),
           t, strides, d + 1, item);
  }
}

}  // namespace

std::optional<int64_t> checked_nbytes(DLDataType type, std::span<const int64_t> shape) {
  int64_t n = static_cast<int64_t>(item_size(type));
  bool zero = false;
  for (int64_t d : shape) {
    if (d < 0) return std::nullopt;
    if (d == 0) {
      zero = true;
    } else if (__builtin_mul_overflow(n, d, &n)) {
      return std::nullopt;
    }
  }
  return zero ? 0 : n;
}

Tensor Tensor::empty(DLDataType type, const Shape &shape, std::shared_ptr<Budget> budget) {
  const auto bytes = checked_nbytes(type, shape);
  if (!bytes) fail(MRUN_ARGUMENT, "a tensor of shape {} is too large, or a dimension is negative", shape_text(shape));
  auto block = std::make_unique<TensorBlock>();
  if (budget) {
    if (!budget->charge(*bytes)) {
      fail(MRUN_QUOTA, "{} tensor {} ({} bytes) exceeds the tensor memory allowed ({} of {} bytes used)",
           with_article(dtype_name(type)), shape_text(shape), *bytes, budget->used(), budget->limit());
    }
    block->budget = std::move(budget);
    block->charged = *bytes;
  }
  const size_t rounded = (static_cast<size_t>(*bytes) + 63) / 64 * 64;  // aligned_alloc wants a multiple
  block->memory = std::aligned_alloc(64, std::max<size_t>(rounded, 64));
  if (block->memory == nullptr) {
    fail(MRUN_MEMORY, "out of memory for {} tensor {}", with_article(dtype_name(type)), shape_text(shape));
  }
  block->dims.set(shape, {});
  describe_own(*block, block->memory, type, cpu);
  return wrap(std::move(block), false);
}

Tensor Tensor::give(DLManagedTensor *dl, std::shared_ptr<Budget> budget, int64_t charged,
                    std::shared_ptr<const void> keep) {
  OwnedDlpack<DLManagedTensor> guard(dl);
  auto block = std::make_unique<TensorBlock>();
  block->dl = guard.release();
  block->budget = std::move(budget);
  block->charged = charged;
  block->keep = std::move(keep);
  return wrap(std::move(block), false);
}

Tensor Tensor::over(void *data, DLDataType type, const Shape &shape, std::shared_ptr<const void> keep, bool readonly,
                    const Shape &strides, DLDevice device) {
  auto block = std::make_unique<TensorBlock>();
  block->dims.set(shape, strides);
  block->keep = std::move(keep);
  describe_own(*block, data, type, device);
  return wrap(std::move(block), readonly);
}

Tensor Tensor::view(std::span<const int64_t> shape, std::span<const int64_t> strides, int64_t offset) const {
  const TensorBlock &block = *block_of(*this);
  auto made = std::make_unique<TensorBlock>();
  made->dims.set(shape, strides);
  // A view of a view holds on to the memory, not to the view: chains of views stay short.
  made->keep = block.keep != nullptr ? block.keep : std::make_shared<const Tensor>(*this);
  made->root = block.root;
  describe_own(*made, data<char>() + offset * static_cast<int64_t>(item_size(dtype())), dtype(), dl().device);
  return wrap(std::move(made), readonly());
}

Tensor Tensor::read_only() const {
  mrun_value v = Value::copy(c()).release();
  v.flags |= MRUN_READONLY;
  return Tensor(Value::adopt(v));
}

Tensor Tensor::with_media_type(std::string type) const {
  Tensor t = view(shape(), strides(), 0);
  block_of(t)->media = std::move(type);
  return t;
}

Tensor Tensor::clone(std::shared_ptr<Budget> budget) const {
  if (!on_cpu()) {
    fail(MRUN_ARGUMENT, "{} lies on {}: it can be read on the CPU only (x:cpu() copies it)", describe(c()),
         device_name(dl().device));
  }
  const Tensor out = empty(dtype(), shape(), std::move(budget));
  if (numel() > 0) gather(out.data<char>(), data<const char>(), dl(), strides(), 0, item_size(dtype()));
  block_of(out)->media = media_type();
  return out;
}

Tensor Tensor::contiguous(std::shared_ptr<Budget> budget) const {
  return on_cpu() && is_contiguous() ? *this : clone(std::move(budget));
}

Tensor::Tensor(Value v) : Value(std::move(v)) {
  if (!is_tensor()) fail(MRUN_INTERNAL, "want a tensor, got {}", describe(c()));
}

Shape Tensor::strides() const {
  const DLTensor &t = dl();
  if (t.strides != nullptr) return {t.strides, t.strides + t.ndim};
  OwnDims dims;
  dims.set({t.shape, static_cast<size_t>(t.ndim)}, {});
  return {dims.strides().begin(), dims.strides().end()};
}

int64_t Tensor::numel() const {
  int64_t n = 1;
  for (int32_t i = 0; i < dim(); ++i) n *= size(i);
  return n;
}

bool Tensor::is_contiguous() const {
  const DLTensor &t = dl();
  if (t.strides == nullptr) return true;
  int64_t step = 1;
  for (int32_t i = t.ndim; i-- > 0;) {
    if (t.shape[i] == 0) return true;
    if (t.shape[i] != 1 && t.strides[i] != step) return false;
    step *= t.shape[i];
  }
  return true;
}

uint64_t next_root() noexcept {
  static std::atomic<uint64_t> last{0};
  return ++last;
}

uint64_t root_of(const mrun_value &tensor) {
  return static_cast<const TensorBlock *>(static_cast<Block *>(tensor.as.tensor.owner))->root;
}

Tensor with_root(const Tensor &t, uint64_t root) {
  Tensor view = t.view(t.shape(), t.strides(), 0).with_media_type(std::string(t.media_type()));
  set_root(view, root);
  return view;
}

void set_root(Tensor &t, uint64_t root) { block_of(t)->root = root; }

std::string_view Tensor::media_type() const { return block_of(*this)->media; }

Tensor typed_view(const Tensor &bytes, size_t offset, DLDataType type, const Shape &shape, const Shape &strides,
                  std::string_view name, mrun_code code) {
  const size_t size = static_cast<size_t>(checked_nbytes(type, shape).value());
  char *const first = bytes.data<char>() + offset;
  if (type == dtype::boolean) {
    const char *const wrong = std::find_if(first, first + size, [](char c) { return c != 0 && c != 1; });
    if (wrong != first + size) {
      fail(code, "{}: a boolean is {}; 0 or 1 is wanted", name, static_cast<int>(static_cast<unsigned char>(*wrong)));
    }
  }
  const size_t alignment = type.code == kDLComplex ? item_size(type) / 2 : item_size(type);
  if (size == 0 || reinterpret_cast<uintptr_t>(first) % alignment == 0) {
    return Tensor::over(first, type, shape, std::make_shared<const Tensor>(bytes), bytes.readonly(), strides);
  }
  Tensor copy = Tensor::empty(type, shape);
  std::memcpy(copy.data(), first, size);
  if (!strides.empty()) copy = copy.view(shape, strides, 0);
  return bytes.readonly() ? copy.read_only() : copy;
}

namespace {
struct DtypeName {
  const char *name;
  DLDataType type;
};
// The first name of a type is the one that is printed.
const DtypeName dtype_names[] = {{"float32", dtype::float32},
                                 {"int64", dtype::int64},
                                 {"uint8", dtype::uint8},
                                 {"bool", dtype::boolean},
                                 {"int32", dtype::int32},
                                 {"float64", dtype::float64},
                                 {"float16", dtype::float16},
                                 {"bfloat16", dtype::bfloat16},
                                 {"int8", dtype::int8},
                                 {"int16", dtype::int16},
                                 {"complex64", dtype::complex64},
                                 {"complex128", dtype::complex128},
                                 {"uint16", dtype::uint16},
                                 {"uint32", dtype::uint32},
                                 {"uint64", dtype::uint64},
                                 {"float8_e4m3fn", dtype::float8_e4m3fn},
                                 {"float8_e5m2", dtype::float8_e5m2},
                                 {"float", dtype::float32},
                                 {"double", dtype::float64},
                                 {"half", dtype::float16},
                                 {"long", dtype::int64},
                                 {"int", dtype::int32},
                                 {"short", dtype::int16}};
}  // namespace

const char *dtype_name(DLDataType type) {
  for (const DtypeName &n : dtype_names) {
    if (n.type == type) return n.name;
  }
  return "?";
}

std::optional<DLDataType> dtype_of(std::string_view name) {
  for (const DtypeName &n : dtype_names) {
    if (n.name == name) return n.type;
  }
  return std::nullopt;
}

std::string device_name(DLDevice device) {
  const int32_t kind = device_kind(device);
  if (kind == kDLCPU) return "cpu";
  if (kind == kDLCUDA) return fmt::format("cuda:{}", device.device_id);
  return fmt::format("device {}:{}", kind, device.device_id);
}

std::string shape_text(std::span<const int64_t> shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += fmt::format("{}{}", i ? ", " : "", shape[i]);
  return text + "]";
}

}  // namespace mrun
