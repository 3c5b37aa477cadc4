#include "base/file_kind.h"

#include <mrun/file_kind.hpp>

#include "base/text.h"

namespace mrun {
namespace {

bool is_text(std::string_view bytes) {
  constexpr size_t enough = 128, longest = 4;  // of a character, which the end may cut
  const std::string_view head = bytes.substr(0, enough);
  for (size_t at = 0; at < head.size();) {
    const auto c = static_cast<unsigned char>(head[at]);
    const size_t length = utf8_length(head, at);
    if (length == 0) return head.size() == enough && enough - at < longest;
    if (c == 0x7f || (c < 0x20 && c != '\n' && c != '\r' && c != '\t')) return false;
    at += length;
  }
  return true;
}

}  // namespace

std::string_view file_kind(std::string_view first_bytes) {
  if (first_bytes.empty()) return "empty";
  const std::string_view known = known_file_kind(first_bytes);
  if (!known.empty()) return known;
  return is_text(first_bytes) ? "a text" : "";
}

}  // namespace mrun
