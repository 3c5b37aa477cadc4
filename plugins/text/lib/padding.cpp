#include "padding.h"

#include <algorithm>

#include "budget.h"
#include "polling.h"
#include "truncation.h"

namespace text {

std::optional<Padding> read_padding(const Json &tokenizer) {
  const Json *j = optional_member(tokenizer, "padding");
  if (!j) return std::nullopt;
  const Json &strategy = member(*j, "strategy");
  if (!strategy.is_object() && strategy != "BatchLongest")
    bad_config("no strategy of padding is called " + strategy.dump());
  Padding p{strategy.is_object() ? std::optional(uint_member(strategy, "Fixed")) : std::nullopt,
            uint_member(*j, "pad_to_multiple_of", 0),
            is_left(*j, "direction"),
            uint_member(*j, "pad_id", 0),
            uint_member(*j, "pad_type_id", 0),
            string_member(*j, "pad_token", "[PAD]")};
  if (p.length.value_or(0) > max_padding || p.multiple_of > max_padding)
    bad_config("the padding is longer than " + std::to_string(max_padding));
  return p;
}

size_t padded_length(const Padding &p, size_t length) {
  const size_t m = p.multiple_of;
  return m > 0 ? (length + m - 1) / m * m : length;
}

void pad(Encoding &e, const Padding &p, size_t length) {
  for (Encoding &part : e.overflowing) pad(part, p, length);
  const size_t target = padded_length(p, length);
  if (target <= e.size()) return;
  Budget::take(memory_of(target, e.wanted));
  Polling::now();
  Encoding filling = repeated({p.id, p.type, p.piece, false}, target - e.size(), e.wanted);
  if (!p.left) return append(e, filling);
  append(filling, e);
  filling.overflowing = std::move(e.overflowing);
  e = std::move(filling);
}

void pad_batch(std::vector<Encoding> &batch, const Padding &p) {
  if (p.length) return;
  size_t longest = 0;
  for (const Encoding &e : batch) longest = std::max(longest, e.size());
  for (Encoding &e : batch) pad(e, p, longest);
}

}  // namespace text
