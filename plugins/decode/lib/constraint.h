// What the generated tokens must make: for each state of what was generated, the tokens that may follow.
#pragma once
#include <memory>
#include <vector>

#include "automaton.h"
#include "pieces.h"

namespace decode {

// Immutable once made; shared by searches.
class Constraint {
 public:
  // The text of the pieces is one that the automaton accepts. Throws Error where no pieces make such a text, or where
  // the tables would need too much memory or work.
  Constraint(Automaton automaton, std::shared_ptr<const Pieces> pieces, const Poll &poll);
  // The generated tokens are one of these lists.
  Constraint(std::vector<std::vector<int64_t>> choices, const Poll &poll);

  static constexpr int32_t start = 0;
  bool accepts(int32_t state) const { return states_[static_cast<size_t>(state)].accepts; }
  // It accepts, and no token may follow.
  bool is_final(int32_t state) const;
  // How many tokens at least lead to a state that accepts.
  int32_t distance(int32_t state) const { return states_[static_cast<size_t>(state)].distance; }
  size_t memory() const;                                        // bytes, without the pieces
  const Pieces *pieces() const { return pieces_.get(); }        // whose text it is; nullptr: lists of tokens
  int64_t greatest_choice() const { return greatest_choice_; }  // of the tokens of lists; -1: there are none
  // Of a token that may follow.
  int32_t next(int32_t state, int64_t token) const;
  // Makes -inf of the scores of tokens that may not follow. One of `ends` may where the state accepts. left: how many
  // tokens there may still be, this one included.
  void mask(int32_t state, float *scores, int64_t count, const std::vector<int64_t> &ends, int64_t left) const;

 private:
  struct State {
    bool accepts = false;
    int32_t distance = -1;         // -1: it cannot be reached, or ended
    int32_t furthest = 0;          // the greatest distance of what may follow
    std::vector<int32_t> tokens;   // that may follow, rising; empty where there are so many that
    std::vector<uint64_t> bits;    // a bit for each is smaller
    std::vector<int32_t> targets;  // of `tokens`, where there is no automaton
  };
  using Links = std::vector<std::vector<int32_t>>;  // of each state, the states that may come next

  bool may_follow(const State &, int64_t token) const;
  template <class Visit>
  void walk(int32_t state, Visit visit);
  Links link(const Poll &poll);
  void measure(const Links &);
  void keep_tokens(State &, const std::vector<int32_t> &tokens);
  void drop_dead_ends(const Links &, const Poll &poll);
  void add_choice(const std::vector<int64_t> &choice);
  static void keep_allowed(const State &, float *scores, int64_t count);

  Automaton automaton_;  // state s of it is state s + 1 here; state 0 is its state 0 where no piece has come
  std::shared_ptr<const Pieces> pieces_;
  std::vector<State> states_;
  int64_t greatest_choice_ = -1;
  size_t work_ = 0, memory_ = 0;  // of making it
};

}  // namespace decode
