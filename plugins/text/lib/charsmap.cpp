#include "charsmap.h"

#include <cstring>

namespace text {
namespace {

// A double array as Darts-clone, which is inside sentencepiece, lays it out: a unit is a node (label, offset to its
// children's block) or, where the top bit is set, a value.
bool has_value(uint32_t unit) { return unit >> 8 & 1; }
uint32_t value(uint32_t unit) { return unit & 0x7fffffff; }
uint32_t label(uint32_t unit) { return unit & 0x800000ff; }
uint32_t offset(uint32_t unit) { return unit >> 10 << ((unit & 1u << 9) >> 6); }

[[noreturn]] void broken(const char *why) {
  bad_input(std::string("the normalization rules (precompiled_charsmap) are damaged: ") + why);
}

}  // namespace

CharsMap::CharsMap(std::string_view blob) {
  uint32_t bytes = 0;
  if (blob.size() < sizeof bytes) broken("no header");
  std::memcpy(&bytes, blob.data(), sizeof bytes);
  blob.remove_prefix(sizeof bytes);
  if (bytes == 0 || bytes % 4 || bytes > blob.size()) broken("the trie's size is wrong");
  units_.resize(bytes / 4);
  std::memcpy(units_.data(), blob.data(), bytes);
  replacements_ = blob.substr(bytes);
  if (replacements_.empty() || replacements_.back() != '\0') broken("the replacements do not end");
  check();
}

// Looks at every unit that can be reached, once: shortest() then needs no bounds.
void CharsMap::check() const {
  std::vector<uint8_t> seen(units_.size());
  std::vector<uint32_t> todo{0};
  seen[0] = 1;
  while (!todo.empty()) {
    uint32_t node = todo.back();
    todo.pop_back();
    uint32_t block = node ^ offset(units_[node]);
    if ((block | 0xff) >= units_.size()) broken("a node points outside the trie");
    if (has_value(units_[node]) && value(units_[block]) >= replacements_.size())
      broken("a value points outside the replacements");
    for (uint32_t byte = 1; byte < 256; ++byte) {
      uint32_t child = block ^ byte;
      if (label(units_[child]) != byte || seen[child]) continue;
      seen[child] = 1;
      todo.push_back(child);
    }
  }
}

std::optional<std::string_view> CharsMap::shortest(std::string_view s) const {
  uint32_t node = offset(units_[0]);
  for (unsigned char byte : s) {
    if (byte == 0) break;
    node ^= byte;
    uint32_t unit = units_[node];
    if (label(unit) != byte) break;
    node ^= offset(unit);
    if (has_value(unit)) return std::string_view(replacements_.c_str() + value(units_[node]));
  }
  return std::nullopt;
}

}  // namespace text
