#include "truncation.h"

#include <algorithm>
#include <mrun/message.hpp>

#include "budget.h"

namespace text {
namespace {

Truncation::Strategy strategy_of(const std::string &name) {
  if (name == "LongestFirst") return Truncation::longest_first;
  if (name == "OnlyFirst") return Truncation::only_first;
  if (name == "OnlySecond") return Truncation::only_second;
  bad_config("no strategy of truncation is called \"" + name + '"');
}

// As in the peer: the shorter text is cut last, and both to half the room where the shorter alone would fill more.
std::pair<size_t, size_t> longest_first(size_t first, size_t second, size_t room) {
  size_t less = std::min(first, second), more = std::max(first, second);
  more = less > room ? less : std::max(less, room - less);
  if (less + more > room) {
    less = room / 2;
    more = room - less;
  }
  return first <= second ? std::pair(less, more) : std::pair(more, less);
}

// How much of each text is kept.
std::vector<size_t> kept(const std::vector<size_t> &counted, const Truncation &t, size_t room) {
  const bool pair = counted.size() == 2;
  const size_t all = counted[0] + (pair ? counted[1] : 0);
  if (room == 0) return std::vector<size_t>(counted.size(), 0);
  if (all <= room) return counted;
  if (t.strategy == Truncation::longest_first) {
    if (!pair) return {room};
    const auto [first, second] = longest_first(counted[0], counted[1], room);
    return {std::min(first, counted[0]), std::min(second, counted[1])};
  }
  const size_t target = t.strategy == Truncation::only_second;
  if (target >= counted.size()) bad_argument("the truncation is of the second text, but there is none");
  std::vector<size_t> lengths = counted;
  if (lengths[target] <= all - room) bad_input("the text is too short to be truncated as the tokenizer wants");
  lengths[target] -= all - room;
  return lengths;
}

std::vector<Encoding> parts_of(const Encoding &e, size_t length, const Truncation &t) {
  const size_t size = e.size(), step = length - t.stride;
  std::vector<Encoding> parts;
  for (size_t done = 0;; done += step) {
    const size_t end = std::min(done + length, size);
    Budget::take(sizeof(Encoding) + memory_of(end - done, e.wanted));
    parts.push_back(t.left ? slice(e, size - end, size - done) : slice(e, done, end));
    if (end == size) return parts;
  }
}

}  // namespace

bool is_left(const Json &j, const char *key) {
  const std::string direction = string_member(j, key, "Right");
  if (direction != "Left" && direction != "Right") bad_config("no direction is called \"" + direction + '"');
  return direction == "Left";
}

std::optional<Truncation> read_truncation(const Json &tokenizer) {
  const Json *j = optional_member(tokenizer, "truncation");
  if (!j) return std::nullopt;
  return Truncation{uint_member(*j, "max_length"), strategy_of(string_member(*j, "strategy", "LongestFirst")),
                    is_left(*j, "direction"), uint_member(*j, "stride", 0)};
}

void cut(Encoding &e, size_t length, const Truncation &t, bool overflowing) {
  const size_t size = e.size();
  if (length >= size) return;
  if (!overflowing) {
    e = t.left ? slice(e, size - length, size) : slice(e, 0, length);
    return;
  }
  Encoding first;
  first.wanted = e.wanted;
  if (length == 0) {
    first.overflowing.push_back(std::move(e));
  } else {
    if (t.stride >= length)
      bad_argument("stride is " + std::to_string(t.stride) + ", but a part of the text is " +
                   mrun::counted(length, "token") + " long: wanted less");
    std::vector<Encoding> parts = parts_of(e, length, t);
    first = std::move(parts[0]);
    parts.erase(parts.begin());
    first.overflowing = std::move(parts);
  }
  e = std::move(first);
}

void truncate(std::vector<Encoding> &texts, const std::vector<size_t> &counted, const Truncation &t, size_t room,
              bool overflowing) {
  const std::vector<size_t> lengths = kept(counted, t, room);
  for (size_t i = 0; i < texts.size(); ++i) cut(texts[i], lengths[i], t, overflowing);
}

}  // namespace text
