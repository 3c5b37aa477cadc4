#include "report/scan_kinds.h"

#include <algorithm>
#include <cstring>

#include "bundle/names.h"

namespace mrun {
namespace {

uint64_t number_at(std::string_view bytes, size_t at, size_t n) {
  uint64_t value = 0;
  for (size_t i = n; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

bool is_windows_program(std::string_view head) {
  if (!head.starts_with("MZ") || head.size() < 64) return false;
  const uint64_t at = number_at(head, 60, 4);
  return at < head.size() && head.substr(static_cast<size_t>(at)).starts_with(std::string_view("PE\0\0", 4));
}

}  // namespace

bool ends_with(std::string_view name, std::initializer_list<std::string_view> suffixes) {
  const std::string small = lower(name);
  return std::any_of(suffixes.begin(), suffixes.end(), [&](std::string_view s) { return small.ends_with(s); });
}

bool is_pickle_name(std::string_view name) {
  return ends_with(name, {".pkl", ".pickle", ".debug_pkl", ".joblib", ".pt", ".pth", ".ckpt"});
}

bool is_program_name(std::string_view name) {
  return ends_with(name, {".lua", ".py", ".sh", ".bash", ".bat", ".cmd", ".ps1", ".js", ".pl", ".rb"});
}

bool is_native_code(std::string_view head) {
  for (const char *mark : {"\x7f"
                           "ELF",
                           "\xcf\xfa\xed\xfe", "\xce\xfa\xed\xfe", "\xca\xfe\xba\xbe"}) {
    if (head.starts_with(mark)) return true;
  }
  return is_windows_program(head);
}

std::string packer_of(std::string_view head) {
  constexpr struct {
    std::string_view mark;
    const char *name;
  } packers[] = {{"\x1f\x8b\x08", "gzip"},
                 {"BZh", "bzip2"},
                 {"\xfd"
                  "7zXZ",
                  "xz"},
                 {"\x28\xb5\x2f\xfd", "zstd"},
                 {"\x04\x22\x4d\x18", "lz4"},
                 {"7z\xbc\xaf\x27\x1c", "7z"},
                 {"Rar!\x1a\x07", "rar"}};
  for (const auto &p : packers) {
    if (head.starts_with(p.mark)) return p.name;
  }
  constexpr size_t tar_mark = 257;
  return head.size() > tar_mark && head.substr(tar_mark).starts_with("ustar") ? "tar" : "";
}

bool is_plain_text(std::string_view head) {
  return std::none_of(head.begin(), head.end(), [](char c) {
    return (c >= 0 && c < 0x20 && c != '\n' && c != '\r' && c != '\t' && c != '\f') || c == 0x7f;
  });
}

bool is_safetensors(std::string_view head, uint64_t size) {
  if (head.size() < 10 || head[8] != '{') return false;
  const uint64_t n = number_at(head, 0, 8);
  return n >= 2 && n <= size - 8;
}

// NumPy reads the header as a Python literal, in which a type has many names: "O", "object", "\x4f".
NpyHead npy_head(std::string_view head) {
  NpyHead found;
  if (head.size() < 12) return found;
  const size_t wide = head[6] == 1 ? 2 : 4, begin = 8 + wide;
  const size_t length = static_cast<size_t>(number_at(head, 8, wide));
  found.data = begin + length;
  if (length > head.size() - begin) return found;
  const std::string text(head.substr(begin, length));
  found.objects = text.find_first_of("O\\") != std::string::npos || lower(text).find("object") != std::string::npos;
  return found;
}

}  // namespace mrun
