#include "automaton.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "error.h"
#include "pattern.h"

namespace decode {
namespace {

constexpr size_t most_states = 10000;            // of the automaton
constexpr size_t most_positions = 100000;        // of the pattern, its repeats written out
constexpr size_t most_added = 1000000;           // parts of the pattern, also of nothing
constexpr size_t most_stored = size_t{8} << 20;  // positions in the sets of all states
constexpr size_t most_work = size_t{100} << 20;  // positions looked at

[[noreturn]] void explodes() {
  throw Error(Error::setting,
              "constrain: regex: the pattern explodes: it needs more than " + std::to_string(most_states) + " states");
}

// Thompson's construction: positions with edges for bytes, and edges that cost nothing.
class Graph {
 public:
  struct Bytes {
    uint8_t first, last;
    int32_t to;
  };
  struct Position {
    std::vector<Bytes> bytes;
    std::vector<int32_t> free;
  };

  explicit Graph(const Pattern &pattern) { end = add(pattern, begin = position()); }

  std::vector<Position> positions;
  int32_t begin = 0, end = 0;

 private:
  int32_t position() {
    if (positions.size() == most_positions) explodes();
    positions.emplace_back();
    return static_cast<int32_t>(positions.size() - 1);
  }
  Position &at(int32_t p) { return positions[static_cast<size_t>(p)]; }

  size_t added_ = 0;

  // From `from` on; gives where it ends.
  int32_t add(const Pattern &p, int32_t from) {
    if (++added_ > most_added) explodes();
    switch (p.kind) {
      case Pattern::characters: return add_characters(p.points, from);
      case Pattern::choice: return add_choice(p, from);
      case Pattern::repeat: return add_repeat(p, from);
      case Pattern::sequence: break;
    }
    for (const Pattern &part : p.parts) from = add(part, from);
    return from;
  }

  int32_t add_choice(const Pattern &p, int32_t from) {
    if (p.parts.size() == 1) return add(p.parts[0], from);
    const int32_t to = position();
    for (const Pattern &part : p.parts) {
      const int32_t first = position();
      at(from).free.push_back(first);
      const int32_t last = add(part, first);
      at(last).free.push_back(to);
    }
    return to;
  }

  int32_t add_repeat(const Pattern &p, int32_t from) {
    for (int32_t i = 0; i < p.least; ++i) from = add(p.parts[0], from);
    if (p.most < 0) {
      const int32_t loop = position(), after = position();
      at(from).free.push_back(loop);
      const int32_t last = add(p.parts[0], loop);
      at(last).free.push_back(loop);
      at(loop).free.push_back(after);
      return after;
    }
    const int32_t to = position();
    for (int32_t i = p.least; i < p.most; ++i) {
      const int32_t first = position();
      at(from).free.push_back(first);
      at(from).free.push_back(to);
      from = add(p.parts[0], first);
    }
    at(from).free.push_back(to);
    return to;
  }

  int32_t add_characters(const CodePoints &points, int32_t from) {
    const int32_t to = position();
    for (const auto &[first, last] : points) add_range(first, last, from, to);
    return to;
  }

  // Characters of as many bytes, and no surrogates.
  void add_range(uint32_t first, uint32_t last, int32_t from, int32_t to) {
    static constexpr uint32_t parts[][2] = {
        {0, 0x7F}, {0x80, 0x7FF}, {0x800, 0xD7FF}, {0xE000, 0xFFFF}, {0x10000, 0x10FFFF}};
    for (const auto &part : parts) {
      const uint32_t a = std::max(first, part[0]), b = std::min(last, part[1]);
      if (a <= b) add_same_length(a, b, from, to);
    }
  }

  // Split where a trailing byte does not go through all its values, until every byte has a range of its own.
  void add_same_length(uint32_t first, uint32_t last, int32_t from, int32_t to) {
    for (uint32_t shift = 6; shift <= 18 && last >= 0x80; shift += 6) {
      const uint32_t low = (1U << shift) - 1;
      if ((first & ~low) == (last & ~low)) continue;
      if ((first & low) != 0) {
        add_same_length(first, first | low, from, to);
        return add_same_length((first | low) + 1, last, from, to);
      }
      if ((last & low) != low) {
        add_same_length(first, (last & ~low) - 1, from, to);
        return add_same_length(last & ~low, last, from, to);
      }
    }
    add_bytes(first, last, from, to);
  }

  void add_bytes(uint32_t first, uint32_t last, int32_t from, int32_t to) {
    const int more = first < 0x80 ? 0 : first < 0x800 ? 1 : first < 0x10000 ? 2 : 3;
    static constexpr uint32_t leads[] = {0, 0xC0, 0xE0, 0xF0};
    for (int i = more; i >= 0; --i) {
      const auto byte = [&](uint32_t point) {
        const uint32_t bits = point >> (6 * i);
        return static_cast<uint8_t>(i == more ? leads[more] | bits : 0x80U | (bits & 0x3FU));
      };
      const int32_t next = i == 0 ? to : position();
      at(from).bytes.push_back({byte(first), byte(last), next});
      from = next;
    }
  }
};

// Bytes that no edge tells apart share a class.
void make_classes(Automaton &a, const Graph &graph) {
  std::vector<uint8_t> begins(257, 0);
  begins[0] = 1;
  for (const auto &position : graph.positions) {
    for (const Graph::Bytes &b : position.bytes) begins[b.first] = begins[size_t{b.last} + 1] = 1;
  }
  a.classes.resize(256);
  for (size_t byte = 0; byte < 256; ++byte) {
    a.class_count += begins[byte];
    a.classes[byte] = static_cast<uint8_t>(a.class_count - 1);
  }
}

struct SetHash {
  size_t operator()(const std::vector<int32_t> &set) const {
    uint64_t h = set.size();
    for (const int32_t p : set) h = (h ^ static_cast<uint32_t>(p)) * 0x9E3779B97F4A7C15U;
    return h ^ h >> 32;
  }
};

// The subset construction.
class Determiner {
 public:
  Determiner(const Graph &graph, const Poll &poll) : graph_(graph), poll_(poll), mark_(graph.positions.size(), 0) {}

  Automaton run() {
    make_classes(a_, graph_);
    std::vector<uint8_t> sample(a_.class_count);  // a byte of each class
    for (size_t byte = 256; byte-- > 0;) sample[a_.classes[byte]] = static_cast<uint8_t>(byte);
    state_of({graph_.begin});
    for (size_t s = 0; s < sets_.size(); ++s) {
      if (poll_) poll_();
      for (size_t c = 0; c < a_.class_count; ++c) {
        const int32_t to = after(*sets_[s], sample[c]);
        a_.next[s * a_.class_count + c] = to;
      }
    }
    return std::move(a_);
  }

 private:
  int32_t after(const std::vector<int32_t> &set, uint8_t byte) {
    std::vector<int32_t> to;
    for (const int32_t p : set) {
      for (const Graph::Bytes &b : graph_.positions[static_cast<size_t>(p)].bytes) {
        if (b.first <= byte && byte <= b.last) to.push_back(b.to);
      }
    }
    work_ += set.size();
    return to.empty() ? Automaton::dead : state_of(std::move(to));
  }

  // With all that edges which cost nothing lead to; of these only what has edges for bytes, and the end.
  std::vector<int32_t> closure(std::vector<int32_t> todo) {
    std::vector<int32_t> result;
    ++round_;
    while (!todo.empty()) {
      const int32_t p = todo.back();
      todo.pop_back();
      if (std::exchange(mark_[static_cast<size_t>(p)], round_) == round_) continue;
      const Graph::Position &position = graph_.positions[static_cast<size_t>(p)];
      if (!position.bytes.empty() || p == graph_.end) result.push_back(p);
      todo.insert(todo.end(), position.free.begin(), position.free.end());
      work_ += 1 + position.free.size();
    }
    std::sort(result.begin(), result.end());
    return result;
  }

  int32_t state_of(std::vector<int32_t> positions) {
    std::vector<int32_t> set = closure(std::move(positions));
    if (work_ > most_work) explodes();
    const auto [place, added] = known_.try_emplace(std::move(set), static_cast<int32_t>(sets_.size()));
    if (added) {
      stored_ += place->first.size();
      if (sets_.size() == most_states || stored_ > most_stored) explodes();
      sets_.push_back(&place->first);
      a_.accepts.push_back(std::binary_search(place->first.begin(), place->first.end(), graph_.end) ? 1 : 0);
      a_.next.resize(sets_.size() * a_.class_count, Automaton::dead);
    }
    return place->second;
  }

  const Graph &graph_;
  const Poll &poll_;
  Automaton a_;
  std::unordered_map<std::vector<int32_t>, int32_t, SetHash> known_;
  std::vector<const std::vector<int32_t> *> sets_;  // keys of known_
  std::vector<uint32_t> mark_;
  uint32_t round_ = 0;
  size_t work_ = 0, stored_ = 0;
};

// Leads nowhere what leads to no state that accepts.
void trim(Automaton &a) {
  std::vector<std::vector<int32_t>> from(a.size());
  std::vector<uint8_t> lives(a.accepts);
  std::vector<int32_t> queue;
  for (size_t i = 0; i < a.next.size(); ++i) {
    if (a.next[i] != Automaton::dead) {
      from[static_cast<size_t>(a.next[i])].push_back(static_cast<int32_t>(i / a.class_count));
    }
  }
  for (size_t s = 0; s < a.size(); ++s) {
    if (lives[s] != 0) queue.push_back(static_cast<int32_t>(s));
  }
  for (size_t i = 0; i < queue.size(); ++i) {
    for (const int32_t before : from[static_cast<size_t>(queue[i])]) {
      if (std::exchange(lives[static_cast<size_t>(before)], uint8_t{1}) == 0) queue.push_back(before);
    }
  }
  for (int32_t &to : a.next) {
    if (to != Automaton::dead && lives[static_cast<size_t>(to)] == 0) to = Automaton::dead;
  }
}

}  // namespace

Automaton compile_regex(std::string_view pattern, const Poll &poll) {
  constexpr size_t longest = 100000;
  if (pattern.size() > longest) throw Error(Error::setting, "constrain: regex: longer than 100,000 bytes");
  const Graph graph(parse_pattern(pattern));
  Automaton a = Determiner(graph, poll).run();
  trim(a);
  return a;
}

Automaton compile_texts(const std::vector<std::string> &texts, const char *what) {
  constexpr size_t most_nodes = 200000;
  Automaton a;
  a.classes.assign(256, 0);
  a.class_count = 1;
  for (const std::string &text : texts) {
    for (const char c : text) {
      uint8_t &class_number = a.classes[static_cast<uint8_t>(c)];
      if (class_number == 0) class_number = static_cast<uint8_t>(a.class_count++);  // UTF-8 has fewer than 255
    }
  }
  const auto add_state = [&] {
    if (a.size() == most_nodes) throw Error(Error::setting, std::string(what) + ": more than 200,000 bytes of text");
    a.accepts.push_back(0);
    a.next.resize(a.accepts.size() * a.class_count, Automaton::dead);
    return static_cast<int32_t>(a.size() - 1);
  };
  add_state();
  for (const std::string &text : texts) {
    int32_t at = 0;
    for (const char c : text) {
      const size_t place = static_cast<size_t>(at) * a.class_count + a.classes[static_cast<uint8_t>(c)];
      if (a.next[place] == Automaton::dead) {
        const int32_t made = add_state();
        a.next[place] = made;
      }
      at = a.next[place];
    }
    a.accepts[static_cast<size_t>(at)] = 1;
  }
  return a;
}

}  // namespace decode
