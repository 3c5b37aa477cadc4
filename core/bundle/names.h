// Names of a bundle's entries: portable on every file system, and their one order in a .mb file.
#pragma once
#include <string>
#include <string_view>

namespace mrun {

inline constexpr size_t max_name = 255;
inline constexpr std::string_view name_rule =
    "a name has at most 255 bytes and 16 parts between '/', each of the letters a to z and A to Z, digits, '_', '-' "
    "and '.', "
    "not beginning with '-' or '.' nor ending with '.'";

bool good_name(std::string_view);
bool is_history(std::string_view name);     // history/…
bool is_machinery(std::string_view name);   // format, bundle.lock, bundle.sig, history/…: not the author's files
bool is_identifier(std::string_view name);  // of a model, a field, a method: as in Lua
// format, weights, everything else, bundle.lock, bundle.sig; within each by bytes.
bool canonical_less(std::string_view a, std::string_view b);
std::string lower(std::string_view name);  // ASCII

}  // namespace mrun
