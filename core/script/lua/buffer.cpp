#include "script/lua/buffer.h"

#include <algorithm>
#include <cstring>

#include "script/vm/hook.h"
#include "script/vm/vm.h"

namespace mrun {

Buffer::~Buffer() {
  if (data_ != small_) Heap::allocate(static_cast<Heap *>(&vm_of(L_)), data_, capacity_, 0);
}

char *Buffer::extend(size_t n) {
  if ((size_ ^ (size_ + n)) >= text_window) poll(L_);
  reserve(size_ + n);
  char *const at = data_ + size_;
  size_ += n;
  return at;
}

void Buffer::append(std::string_view text) {
  while (!text.empty()) {
    const size_t n = std::min(text.size(), text_window);
    std::memcpy(extend(n), text.data(), n);
    text.remove_prefix(n);
  }
}

void Buffer::repeat(size_t n) {
  reserve(size_ + n);
  for (size_t at = 0; at < n; at += text_window) {
    const size_t piece = std::min(text_window, n - at);
    std::memcpy(extend(piece), data_ + at, piece);
  }
}

// By half again, or to what is wanted where the heap has no room for that.
void Buffer::grow(size_t size) {
  Vm &vm = vm_of(L_);
  const auto has_room = [&](size_t bytes) { return static_cast<int64_t>(bytes - capacity_) <= vm.limit - vm.used; };
  size_t wanted = std::max(size, capacity_ + capacity_ / 2);
  if (!has_room(wanted)) {
    vm.collect();  // garbage may hold it
    if (!has_room(wanted)) wanted = size;
  }
  const bool first = data_ == small_;
  void *const memory = Heap::allocate(static_cast<Heap *>(&vm), first ? nullptr : data_, first ? 0 : capacity_, wanted);
  if (memory == nullptr) throw heap_full(vm);
  if (first) std::memcpy(memory, small_, size_);
  data_ = static_cast<char *>(memory);
  capacity_ = wanted;
}

}  // namespace mrun
