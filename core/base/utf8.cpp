#include "base/utf8.h"

#include "base/text.h"

namespace mrun {

size_t utf8_until(std::string_view s) {
  size_t at = 0;
  while (at < s.size()) {
    const size_t length = utf8_length(s, at);
    if (length == 0) break;
    at += length;
  }
  return at;
}

}  // namespace mrun
