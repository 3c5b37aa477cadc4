#include "encoding.h"

#include <algorithm>

#include "budget.h"
#include "polling.h"

namespace text {
namespace {

// A part beside the first: there may be many, each a copy.
void add_part(Encoding &to, Encoding part) {
  Budget::take(sizeof(Encoding) + memory_of(part.size(), part.wanted));
  Polling::now();
  to.overflowing.push_back(std::move(part));
}

Encoding first_parts(const Encoding &a, const Encoding &b) {
  Encoding out = slice(a, 0, a.size());
  append(out, b);
  return out;
}

template <class T>
void add_range(std::vector<T> &to, const std::vector<T> &from, size_t begin, size_t end) {
  if (!from.empty()) to.insert(to.end(), from.begin() + ptrdiff_t(begin), from.begin() + ptrdiff_t(end));
}

void add_range(Encoding &to, const Encoding &from, size_t begin, size_t end) {
  std::apply(
      [&](auto &...out) {
        std::apply([&](const auto &...in) { (add_range(out, in, begin, end), ...); }, from.arrays());
      },
      to.arrays());
}

}  // namespace

size_t memory_of(size_t tokens, Wanted wanted) {
  size_t each = 2 * sizeof(int64_t);
  if (wanted.pieces) each += sizeof(Offsets) + sizeof(std::string) + 64;  // the piece, where it is long and there again
  if (wanted.marks) each += 4 * sizeof(int64_t);
  return tokens * each;
}

Encoding repeated(const Placeholder &p, size_t count, Wanted wanted) {
  Encoding e;
  e.wanted = wanted;
  e.ids.assign(count, p.id);
  e.types.assign(count, p.type);
  if (wanted.pieces) {
    e.offsets.resize(count);
    e.pieces.assign(count, p.piece);
  }
  if (wanted.marks) {
    e.words.assign(count, -1);
    e.sequences.assign(count, -1);
    e.special.assign(count, 1);
    e.attention.assign(count, p.attention ? 1 : 0);
  }
  return e;
}

void append(Encoding &to, const Encoding &from) {
  // Where post-processors made several texts of one number, only the last has it, as in the peer.
  const int64_t *last = nullptr;
  for (const int64_t &sequence : from.sequences) {
    if (sequence < 0 || (last && *last == sequence)) continue;
    std::replace(to.sequences.begin(), to.sequences.end(), sequence, int64_t(-1));
    last = &sequence;
  }
  add_range(to, from, 0, from.size());
}

Encoding slice(const Encoding &e, size_t begin, size_t end) {
  Encoding out;
  out.wanted = e.wanted;
  add_range(out, e, begin, end);
  return out;
}

Encoding joined(const Encoding &a, const Encoding &b) {
  Encoding out = first_parts(a, b);
  for (const Encoding &part : a.overflowing) {
    add_part(out, first_parts(part, b));
    for (const Encoding &other : b.overflowing) add_part(out, first_parts(part, other));
  }
  for (const Encoding &other : b.overflowing) add_part(out, first_parts(a, other));
  return out;
}

Encoding joined(std::vector<Encoding> &&all) {
  if (all.empty()) return {};
  Encoding out = std::move(all[0]);
  for (size_t i = 1; i < all.size(); ++i) {
    if (out.overflowing.empty() && all[i].overflowing.empty()) {
      append(out, all[i]);
    } else {
      out = joined(out, all[i]);
    }
  }
  return out;
}

}  // namespace text
