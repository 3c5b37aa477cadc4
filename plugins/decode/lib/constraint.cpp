#include "constraint.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "error.h"

namespace decode {
namespace {

constexpr size_t most_work = size_t{1} << 30;     // bytes looked at: about two seconds
constexpr size_t most_memory = size_t{64} << 20;  // of the tables
constexpr float never = -std::numeric_limits<float>::infinity();

size_t index(int32_t state) { return static_cast<size_t>(state); }

// Of at most 64 scores, those whose bit is set.
void keep_bits(uint64_t bits, float *scores, int64_t count) {
  const uint64_t all = count == 64 ? ~uint64_t{0} : (uint64_t{1} << count) - 1;
  // Whichever are fewer are touched one by one.
  if (__builtin_popcountll(bits & all) > 32) {
    for (uint64_t gone = all & ~bits; gone != 0; gone &= gone - 1) scores[__builtin_ctzll(gone)] = never;
    return;
  }
  float kept[64];
  std::copy(scores, scores + count, kept);
  std::fill(scores, scores + count, never);
  for (uint64_t left = all & bits; left != 0; left &= left - 1) {
    const int b = __builtin_ctzll(left);
    scores[b] = kept[b];
  }
}

}  // namespace

// visit(token, state) for each piece that may follow. Pieces are in order: what they begin with in common is looked at
// once, and all that begin with what leads nowhere are passed over.
template <class Visit>
void Constraint::walk(int32_t state, Visit visit) {
  const bool first = state == start;
  const Pieces::Sorted &pieces = pieces_->sorted(first);
  std::vector<int32_t> path(pieces.longest + 1);  // the automaton's states, of each byte of the last piece
  path[0] = first ? 0 : state - 1;
  size_t depth = 0;  // how many of its bytes led somewhere
  for (size_t i = 0; i < pieces.tokens.size(); ++i) {
    const auto common = static_cast<size_t>(pieces.common[i]);
    if (depth < common) continue;
    depth = common;
    size_t at = pieces.begins[i];
    const size_t end = pieces.begins[i + 1];
    for (; at < end; ++at, ++depth) {
      path[depth + 1] = automaton_.step(path[depth], pieces.rest[at]);
      if (path[depth + 1] == Automaton::dead) break;
    }
    work_ += end - pieces.begins[i];
    if (at == end) visit(pieces.tokens[i], path[depth] + 1);
  }
  work_ += pieces.tokens.size();
  if (work_ > most_work) throw Error(Error::setting, "constrain: the pattern is too large for this vocabulary");
}

// Keeps of each state that can be reached the tokens that may follow.
Constraint::Links Constraint::link(const Poll &poll) {
  Links links(states_.size());
  std::vector<int32_t> queue{start}, tokens;
  std::vector<int32_t> seen_from(states_.size(), -1);
  std::vector<uint8_t> known(states_.size(), 0);
  known[start] = 1;
  for (size_t i = 0; i < queue.size(); ++i) {
    const int32_t state = queue[i];
    if (poll) poll();
    tokens.clear();
    walk(state, [&](int32_t token, int32_t to) {
      tokens.push_back(token);
      if (std::exchange(seen_from[index(to)], state) != state) links[index(state)].push_back(to);
      if (std::exchange(known[index(to)], uint8_t{1}) == 0) queue.push_back(to);
    });
    keep_tokens(states_[index(state)], tokens);
  }
  return links;
}

// Distances, from the states that accept backwards.
void Constraint::measure(const Links &links) {
  Links from(states_.size());
  std::vector<int32_t> queue;
  for (size_t s = 0; s < states_.size(); ++s) {
    for (const int32_t to : links[s]) from[index(to)].push_back(static_cast<int32_t>(s));
    if (!states_[s].accepts) continue;
    states_[s].distance = 0;
    queue.push_back(static_cast<int32_t>(s));
  }
  for (size_t i = 0; i < queue.size(); ++i) {
    for (const int32_t before : from[index(queue[i])]) {
      if (states_[index(before)].distance >= 0) continue;
      states_[index(before)].distance = states_[index(queue[i])].distance + 1;
      queue.push_back(before);
    }
  }
  for (size_t s = 0; s < states_.size(); ++s) {
    for (const int32_t to : links[s]) states_[s].furthest = std::max(states_[s].furthest, distance(to));
  }
}

void Constraint::keep_tokens(State &state, const std::vector<int32_t> &tokens) {
  const auto size = static_cast<size_t>(pieces_->size());
  state.tokens.clear();
  state.bits.clear();
  // A token in the list takes 32 bits, a token of the vocabulary one in `bits`: the smaller.
  if (tokens.size() <= size / 32) {
    state.tokens = tokens;
    std::sort(state.tokens.begin(), state.tokens.end());
  } else {
    state.bits.resize((size + 63) / 64);
    for (const int32_t t : tokens) state.bits[index(t) / 64] |= uint64_t{1} << (index(t) % 64);
  }
  memory_ += state.tokens.size() * 4 + state.bits.size() * 8;
  if (memory_ > most_memory) throw Error(Error::setting, "constrain: the pattern is too large for this vocabulary");
}

// Leaves out what leads to states from which no pieces make the rest of a text, and what would follow in these.
void Constraint::drop_dead_ends(const Links &links, const Poll &poll) {
  for (size_t s = 0; s < states_.size(); ++s) {
    const auto dead = [&](int32_t to) { return distance(to) < 0; };
    if (states_[s].distance < 0) {
      states_[s].tokens.clear();
      states_[s].bits.clear();
      continue;
    }
    if (std::none_of(links[s].begin(), links[s].end(), dead)) continue;
    if (poll) poll();
    std::vector<int32_t> tokens;
    walk(static_cast<int32_t>(s), [&](int32_t token, int32_t to) {
      if (!dead(to)) tokens.push_back(token);
    });
    keep_tokens(states_[s], tokens);
  }
}

Constraint::Constraint(Automaton automaton, std::shared_ptr<const Pieces> pieces, const Poll &poll)
    : automaton_(std::move(automaton)), pieces_(std::move(pieces)), states_(automaton_.size() + 1) {
  for (size_t s = 0; s < states_.size(); ++s) states_[s].accepts = automaton_.accepts[s == 0 ? 0 : s - 1] != 0;
  const Links links = link(poll);
  measure(links);
  if (distance(start) < 0) throw Error(Error::setting, "constrain: no pieces of the tokenizer make a text that fits");
  drop_dead_ends(links, poll);
}

size_t Constraint::memory() const {
  size_t bytes = automaton_.next.size() * sizeof(int32_t) + automaton_.accepts.size() + states_.size() * sizeof(State);
  for (const State &s : states_) {
    bytes += (s.tokens.size() + s.targets.size()) * sizeof(int32_t) + s.bits.size() * sizeof(uint64_t);
  }
  return bytes;
}

void Constraint::add_choice(const std::vector<int64_t> &choice) {
  int32_t at = start;
  for (const int64_t token : choice) {
    if (token < 0 || token > std::numeric_limits<int32_t>::max()) {
      throw Error(Error::setting, "constrain: choices: there is no token " + std::to_string(token));
    }
    greatest_choice_ = std::max(greatest_choice_, token);
    State &state = states_[index(at)];
    const auto place = std::lower_bound(state.tokens.begin(), state.tokens.end(), token);
    const auto offset = place - state.tokens.begin();
    if (place != state.tokens.end() && *place == token) {
      at = state.targets[static_cast<size_t>(offset)];
      continue;
    }
    at = static_cast<int32_t>(states_.size());
    state.tokens.insert(place, static_cast<int32_t>(token));
    state.targets.insert(state.targets.begin() + offset, at);
    states_.emplace_back();
    if (states_.size() * sizeof(State) > most_memory) throw Error(Error::setting, "constrain: choices: too many");
  }
  states_[index(at)].accepts = true;
}

Constraint::Constraint(std::vector<std::vector<int64_t>> choices, const Poll &poll) : states_(1) {
  std::sort(choices.begin(), choices.end());  // so that each token goes behind those of its state
  for (const auto &choice : choices) {
    if (poll) poll();
    add_choice(choice);
  }
  Links links;
  for (const State &state : states_) links.push_back(state.targets);
  measure(links);
  if (distance(start) < 0) throw Error(Error::setting, "constrain: choices: there are none");
}

int32_t Constraint::next(int32_t state, int64_t token) const {
  if (!pieces_) {
    const State &s = states_[index(state)];
    const auto place = std::lower_bound(s.tokens.begin(), s.tokens.end(), token);
    return place == s.tokens.end() || *place != token ? Automaton::dead : s.targets[size_t(place - s.tokens.begin())];
  }
  const std::string_view bytes = pieces_->bytes(token, state == start);
  int32_t at = bytes.empty() ? Automaton::dead : std::max(state - 1, 0);
  for (size_t i = 0; i < bytes.size() && at != Automaton::dead; ++i) at = automaton_.step(at, bytes[i]);
  return at == Automaton::dead ? at : at + 1;
}

bool Constraint::is_final(int32_t state) const {
  const State &s = states_[index(state)];
  return s.accepts && s.tokens.empty() && s.bits.empty();
}

bool Constraint::may_follow(const State &state, int64_t token) const {
  const auto t = static_cast<size_t>(token);
  if (!state.bits.empty()) return t / 64 < state.bits.size() && (state.bits[t / 64] >> (t % 64) & 1) != 0;
  return std::binary_search(state.tokens.begin(), state.tokens.end(), token);
}

void Constraint::keep_allowed(const State &state, float *scores, int64_t count) {
  if (state.bits.empty()) {
    std::vector<float> kept;
    for (const int32_t t : state.tokens) kept.push_back(t < count ? scores[t] : never);
    std::fill(scores, scores + count, never);
    for (size_t i = 0; i < kept.size(); ++i) {
      if (state.tokens[i] < count) scores[state.tokens[i]] = kept[i];
    }
    return;
  }
  for (int64_t from = 0; from < count; from += 64) {
    const auto word = static_cast<size_t>(from / 64);
    keep_bits(word < state.bits.size() ? state.bits[word] : 0, scores + from, std::min<int64_t>(count - from, 64));
  }
}

void Constraint::mask(int32_t state, float *scores, int64_t count, const std::vector<int64_t> &ends,
                      int64_t left) const {
  const State &s = states_[index(state)];
  std::vector<float> end_scores;
  for (const int64_t e : ends) end_scores.push_back(s.accepts ? scores[e] : never);
  keep_allowed(s, scores, count);
  // Only where some token leads so far away that the rest would not fit any more; most steps look at none.
  for (int64_t t = 0; t < count && s.furthest >= left; ++t) {
    if (scores[t] != never && may_follow(s, t) && distance(next(state, t)) >= left) scores[t] = never;
  }
  for (size_t i = 0; i < ends.size(); ++i) scores[ends[i]] = end_scores[i];
}

}  // namespace decode
