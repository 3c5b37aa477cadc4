#include "base/file_kind.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/text.h"

namespace mrun {
namespace {

using namespace std::string_view_literals;

constexpr std::pair<std::string_view, std::string_view> kinds[] = {
    {"version https://git-lfs"sv, "a pointer of Git LFS, which stands for the file: `git lfs pull` fetches that"sv},
    {"<"sv, "a web page or XML, as a failed download leaves one"sv},
    {"\x1f\x8b"sv, "compressed with gzip: unpack it first"sv},
    {"BZh"sv, "compressed with bzip2: unpack it first"sv},
    {"\xfd"
     "7zXZ"sv,
     "compressed with xz: unpack it first"sv},
    {"(\xb5/\xfd"sv, "compressed with zstd: unpack it first"sv},
    {"PK\3\4"sv, "a ZIP archive"sv},
    {"\x93NUMPY"sv, "NumPy's .npy"sv},
    {"\x89HDF"sv, "HDF5"sv},
    {"GGUF"sv, "a GGUF file"sv},
    {"\xff\xd8\xff"sv, "a JPEG picture"sv},
    {"\x89PNG"sv, "a PNG picture"sv},
    {"GIF8"sv, "a GIF picture"sv},
    {"%PDF"sv, "a PDF document"sv},
    {"\x7f"
     "ELF"sv,
     "a program or library"sv},
    {"{"sv, "JSON text"sv},
};

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
  const auto *known =
      std::find_if(std::begin(kinds), std::end(kinds), [&](const auto &k) { return first_bytes.starts_with(k.first); });
  if (known != std::end(kinds)) return known->second;
  return is_text(first_bytes) ? "a text" : "";
}

}  // namespace mrun
