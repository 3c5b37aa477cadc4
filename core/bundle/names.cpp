#include "bundle/names.h"

#include <algorithm>
#include <utility>

#include "bundle/models.h"

namespace mrun {
namespace {

bool letter_or_digit(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

bool good_part(std::string_view part) {
  if (part.empty() || !letter_or_digit(part.front()) || part.back() == '.') return false;
  return std::all_of(part.begin(), part.end(), [](char c) { return letter_or_digit(c) || c == '.' || c == '-'; });
}

int rank(std::string_view name) {
  if (name == "format") return 0;
  if (is_weights(name)) return 1;
  if (name == "bundle.lock") return 3;
  return name == "bundle.sig" ? 4 : 2;
}

}  // namespace

bool good_name(std::string_view name) {
  if (name.size() > max_name) return false;
  for (int parts = 1; parts <= 16; ++parts) {
    const size_t slash = name.find('/');
    if (!good_part(name.substr(0, slash))) return false;
    if (slash == std::string_view::npos) return true;
    name.remove_prefix(slash + 1);
  }
  return false;
}

bool is_history(std::string_view name) { return name.starts_with("history/"); }

bool is_machinery(std::string_view name) {
  return name == "format" || name == "bundle.lock" || name == "bundle.sig" || is_history(name);
}

bool is_identifier(std::string_view name) {
  return !name.empty() && !(name.front() >= '0' && name.front() <= '9') &&
         std::all_of(name.begin(), name.end(), letter_or_digit);
}

bool canonical_less(std::string_view a, std::string_view b) { return std::pair(rank(a), a) < std::pair(rank(b), b); }

std::string lower(std::string_view name) {
  std::string out(name);
  for (char &c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

}  // namespace mrun
