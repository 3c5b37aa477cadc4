#include "alphabet.h"

#include <algorithm>

#include "error.h"
#include "utf8.h"

namespace text {

using unicode::code_points;
using unicode::CodeSet;
using unicode::Range;

size_t SetTable::add(const CodeSet &set) {
  const auto [at, added] = numbers_.emplace(set, sets_.size());
  if (added) sets_.push_back(&at->first);
  return at->second;
}

namespace {

// The code points cut where a set begins or ends; kinds[i] is that of [starts[i], starts[i + 1]).
struct Partition {
  std::vector<char32_t> starts{0};
  std::vector<uint32_t> kinds;
  uint32_t count = 1;

  explicit Partition(const std::vector<CodeSet> &sets) {
    for (const CodeSet &set : sets)
      for (const Range &r : set.ranges()) {
        starts.push_back(r.first);
        if (r.end < code_points) starts.push_back(r.end);
      }
    std::sort(starts.begin(), starts.end());
    starts.erase(std::unique(starts.begin(), starts.end()), starts.end());
    kinds.assign(starts.size(), 0);
    for (const CodeSet &set : sets) refine(set);
  }

  // Each kind becomes two: inside the set and outside.
  void refine(const CodeSet &set) {
    std::map<uint32_t, uint32_t> inside;
    for (const Range &r : set.ranges()) {
      size_t i = size_t(std::lower_bound(starts.begin(), starts.end(), r.first) - starts.begin());
      for (; i < starts.size() && starts[i] < r.end; ++i) {
        const auto [at, added] = inside.emplace(kinds[i], count);
        count += added;
        kinds[i] = at->second;
      }
    }
  }
};

std::vector<std::vector<Range>> members_of(const Partition &parts) {
  std::map<uint32_t, std::vector<Range>> by_kind;
  for (size_t i = 0; i < parts.starts.size(); ++i)
    by_kind[parts.kinds[i]].push_back(
        {parts.starts[i], i + 1 < parts.starts.size() ? parts.starts[i + 1] : code_points});
  std::vector<std::vector<Range>> out;
  for (auto &[kind, ranges] : by_kind) out.push_back(std::move(ranges));
  return out;
}

}  // namespace

Alphabet::Alphabet(const SetTable &table) {
  std::vector<CodeSet> sets{CodeSet::one('\n')};
  for (const CodeSet *set : table.sets()) {
    // A set and its complement tell the same apart; the one with fewer code points has fewer pieces to visit.
    sets.push_back(set->size() > code_points / 2 ? ~*set : *set);
  }
  const auto members = members_of(Partition(sets));
  count_ = members.size();
  if (count_ >= 0xd800) bad_argument("the pattern tells too many characters apart");
  // A sign of ASCII that is a letter by itself keeps its number, so that patterns can be read.
  std::vector<bool> taken(members.size() + 128);
  auto own = [](const std::vector<Range> &m) {
    return m.size() == 1 && m[0].end == m[0].first + 1 && m[0].first < 128;
  };
  for (const auto &m : members)
    if (own(m)) taken[m[0].first] = true;
  uint16_t next = 0;
  for (const auto &m : members) {
    while (!own(m) && taken[next]) ++next;
    const uint16_t name = own(m) ? uint16_t(m[0].first) : next++;
    for (const Range &r : m) letters_.set(r.first, r.end, name);
    samples_.emplace_back(name, m[0].first);
  }
  std::sort(samples_.begin(), samples_.end());
}

// One that no text has: PCRE2 does not know how long an empty class is, and refuses it in a look-behind.
uint16_t Alphabet::unused() const {
  uint16_t n = fits_bytes() ? 0xff : 0xffff;
  for (auto s = samples_.rbegin(); s != samples_.rend() && s->first == n; ++s) --n;
  return n;
}

std::string Alphabet::write(const CodeSet &set) const {
  static constexpr char digits[] = "0123456789abcdef";
  auto letter = [](uint16_t n) {
    std::string out = "\\x{";
    for (int shift = 12; shift >= 0; shift -= 4)
      if (shift <= 4 || n >> shift) out += digits[n >> shift & 15];
    return out + "}";
  };
  if (set.size() == 1) return letter(letters_[set.ranges()[0].first]);  // the most common kind, and there may be many
  std::string out;
  size_t found = 0;
  for (size_t i = 0; i < samples_.size(); ++i) {
    if (!set.contains(samples_[i].second)) continue;
    size_t last = i;
    // Numbers that are no letters do not interrupt a run.
    while (last + 1 < samples_.size() && set.contains(samples_[last + 1].second)) ++last;
    found += last - i + 1;
    out += letter(samples_[i].first);
    if (last > i) out += "-" + letter(samples_[last].first);
    i = last;
  }
  if (found == samples_.size()) return "[^]";
  if (found == 0) return letter(unused());
  return found == 1 ? out : '[' + out + ']';
}

void Alphabet::spell(std::string_view s, std::string &letters, std::vector<uint32_t> &places) const {
  letters.clear();
  places.clear();
  letters.reserve(s.size());
  const bool bytes = fits_bytes();
  const bool same =
      bytes && std::all_of(s.begin(), s.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  if (same) {
    for (char c : s) letters += char(letters_[static_cast<unsigned char>(c)]);
    return;
  }
  places.reserve(s.size() + 1);
  for (size_t at = 0; at < s.size();) {
    const auto place = uint32_t(at);
    const uint16_t letter = letters_[utf8_next(s, at)];
    if (bytes) {
      letters += char(letter);
    } else {
      utf8_append(letters, letter);
    }
    places.resize(letters.size(), place);
  }
  places.push_back(uint32_t(s.size()));
}

}  // namespace text
