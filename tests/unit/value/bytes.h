// What the tests of file formats share.
#pragma once
#include <algorithm>
#include <functional>
#include <memory>
#include <string>

#include "base/error.h"
#include "value/tensor.h"

namespace mrun::test {

// A 1-D uint8 tensor over a copy of the text, `shift` bytes off the alignment of 64.
inline Tensor bytes_of(std::string_view text, bool readonly = true, size_t shift = 0) {
  const Tensor memory = Tensor::empty(dtype::uint8, {static_cast<int64_t>(text.size() + shift)});
  std::copy(text.begin(), text.end(), memory.data<char>() + shift);
  const Tensor view = memory.view({static_cast<int64_t>(text.size())}, {1}, static_cast<int64_t>(shift));
  return readonly ? view.read_only() : view;
}

inline Error error_of(const std::function<void()> &f) {
  try {
    f();
  } catch (const Error &e) { return e; }
  return {MRUN_OK, "no error"};
}

}  // namespace mrun::test
