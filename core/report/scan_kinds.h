// What a file is, by its first bytes or its name, as far as the scan asks.
#pragma once
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace mrun {

constexpr size_t head_size = 4096, npy_head_size = 12 + 65535;  // bytes of a file to know it by

bool ends_with(std::string_view name, std::initializer_list<std::string_view> suffixes);  // MODEL.PT is one, too
bool is_pickle_name(std::string_view name);                                               // to those who load it
bool is_program_name(std::string_view name);                                              // of a text

bool is_native_code(std::string_view head);    // of any system
std::string packer_of(std::string_view head);  // "gzip", "tar"; empty: none
bool is_plain_text(std::string_view head);
bool is_safetensors(std::string_view head, uint64_t size);

struct NpyHead {
  size_t data = 0;      // where the array begins
  bool objects = true;  // Python's, or not to be told
};
NpyHead npy_head(std::string_view head);

}  // namespace mrun
