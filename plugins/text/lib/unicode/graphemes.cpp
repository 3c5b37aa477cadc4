#include "graphemes.h"

#include "code_map.h"
#include "data.h"
#include "kept.h"
#include "polling.h"
#include "utf8.h"

namespace text::unicode {
namespace {

struct Break {
  Cluster cluster = Cluster::other;
  Conjunct conjunct = Conjunct::none;
  bool pictographic = false;
};

Break breaks(char32_t c) {
  static const auto &cluster = *kept<CodeMap<Cluster>>(clusters, Cluster::other, [](uint32_t n) { return Cluster(n); });
  static const auto &conjunct =
      *kept<CodeMap<Conjunct>>(conjuncts, Conjunct::none, [](uint32_t n) { return Conjunct(n); });
  static const auto &pictographic = *kept<CodeMap<bool>>([] {
    CodeMap<bool> out(false);
    for (const Range &r : (*binary_property("extendedpictographic")).ranges()) out.set(r.first, r.end, true);
    return out;
  }());
  return {cluster[c], conjunct[c], pictographic[c]};
}

bool is_control(Cluster c) { return c == Cluster::cr || c == Cluster::lf || c == Cluster::control; }

// Rules 6 to 8: the letters of a syllable of Hangul.
bool in_syllable(Cluster a, Cluster b) {
  if (a == Cluster::l) return b == Cluster::l || b == Cluster::v || b == Cluster::lv || b == Cluster::lvt;
  if (a == Cluster::lv || a == Cluster::v) return b == Cluster::v || b == Cluster::t;
  return (a == Cluster::lvt || a == Cluster::t) && b == Cluster::t;
}

// A cluster as far as it was read.
class Growing {
 public:
  explicit Growing(Break first) { take(first); }
  bool takes(const Break &next) const {
    if (last_ == Cluster::cr) return next.cluster == Cluster::lf;                             // rule 3
    if (is_control(last_) || is_control(next.cluster)) return false;                          // 4, 5
    if (in_syllable(last_, next.cluster)) return true;                                        // 6 to 8
    if (next.cluster == Cluster::extend || next.cluster == Cluster::zwj) return true;         // 9
    if (next.cluster == Cluster::spacing || last_ == Cluster::prepend) return true;           // 9a, 9b
    if (linked_ && next.conjunct == Conjunct::consonant) return true;                         // 9c
    if (joined_ && next.pictographic) return true;                                            // 11
    return last_ == Cluster::regional && next.cluster == Cluster::regional && regional_odd_;  // 12, 13
  }
  void take(const Break &next) {
    joined_ = pictograph_ && next.cluster == Cluster::zwj;
    pictograph_ = next.pictographic || (pictograph_ && next.cluster == Cluster::extend);
    linked_ = consonant_ && (next.conjunct == Conjunct::linker || (linked_ && next.conjunct == Conjunct::extend));
    consonant_ = next.conjunct == Conjunct::consonant || (consonant_ && next.conjunct != Conjunct::none);
    regional_odd_ = next.cluster == Cluster::regional && !regional_odd_;
    last_ = next.cluster;
  }

 private:
  Cluster last_ = Cluster::other;
  bool pictograph_ = false, joined_ = false;  // \p{ExtPict} Extend*, and with ZWJ behind it
  bool consonant_ = false, linked_ = false;   // a consonant with what extends it, and with a linker among these
  bool regional_odd_ = false;
};

}  // namespace

size_t grapheme_end(std::string_view s, size_t at) {
  // Two letters of ASCII are the most common case.
  if (at + 1 == s.size()) return s.size();
  if (static_cast<unsigned char>(s[at]) < 0x80 && static_cast<unsigned char>(s[at + 1]) < 0x80 && s[at] != '\r')
    return at + 1;
  Growing cluster(breaks(utf8_next(s, at)));
  while (at < s.size()) {
    size_t next = at;
    const Break b = breaks(utf8_next(s, next));
    if (!cluster.takes(b)) break;
    cluster.take(b);
    at = next;
    Polling::now();
  }
  return at;
}

}  // namespace text::unicode
