#pragma once
#include <utility>

namespace text::unicode {

// Made once and never destroyed, as scripts may run while the process ends: static const T &table = *kept<T>(...).
template <class T, class... Args>
const T *kept(Args &&...args) {
  return new const T(std::forward<Args>(args)...);
}

}  // namespace text::unicode
