#include "normalized.h"

#include <algorithm>

namespace text {
namespace {

void grown(size_t bytes) {
  if (bytes > size_t(1) << 30) bad_input("the normalized text is longer than 1 GiB");
  Polling::now();
}

}  // namespace

Offsets Normalized::original(size_t begin, size_t end) const {
  if (!origin.empty()) return {origin[begin].begin, origin[end - 1].end};
  while (begin > 0 && is_continuation(bytes[begin])) --begin;
  while (end < bytes.size() && is_continuation(bytes[end])) ++end;
  return {base + uint32_t(begin), base + uint32_t(end)};
}

Normalized Normalized::part(size_t begin, size_t end) const {
  Normalized out(std::string_view(bytes).substr(begin, end - begin), base, track);
  if (origin.empty()) {
    out.base += uint32_t(begin);
  } else {
    out.origin.assign(origin.begin() + ptrdiff_t(begin), origin.begin() + ptrdiff_t(end));
    out.base = origin[begin].begin;
  }
  return out;
}

Offsets Rewriter::next_origin() const {
  if (!n_.origin.empty()) return n_.origin[at_];
  const auto width = uint32_t(utf8_width(static_cast<unsigned char>(n_.bytes[at_])));
  return {n_.base + uint32_t(at_), n_.base + uint32_t(at_) + width};
}

void Rewriter::advance() {
  if (done()) return;
  const size_t width = utf8_width(static_cast<unsigned char>(n_.bytes[at_]));
  if (n_.track) {
    previous_ = n_.origin.empty() ? next_origin() : n_.origin[at_ + width - 1];
    has_previous_ = true;
  }
  at_ += width;
}

void Rewriter::skip() { advance(); }

void Rewriter::put(char32_t c, int change) {
  const size_t before = out_.size();
  utf8_append(out_, c);
  if (growth_.to(out_.size())) grown(out_.size());
  if (n_.track) {
    Offsets o{n_.base, n_.base};
    if (change > 0 || done()) {
      if (has_previous_) o = previous_;
    } else {
      o = next_origin();
    }
    out_origin_.insert(out_origin_.end(), out_.size() - before, o);
  }
  if (change > 0) return;
  advance();
  for (; change < 0; ++change) advance();
}

void Rewriter::finish() {
  n_.bytes.swap(out_);
  n_.origin.swap(out_origin_);
  n_.announced = std::max(n_.announced, n_.bytes.size());
}

void apply_edits(Normalized &n, const std::vector<Edit> &edits) {
  Rewriter r(n);
  for (const Edit &e : edits) r.put(e.c, e.change);
  r.finish();
}

}  // namespace text
