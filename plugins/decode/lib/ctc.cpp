#include "ctc.h"

#include <algorithm>
#include <mrun/message.hpp>

#include "ctc_frame.h"

namespace decode {

CtcHypothesis ctc_greedy(const Frames &f, const Poll &poll) {
  CtcHypothesis h;
  int64_t before = f.blank;
  for (int64_t t = 0; t < f.count; ++t) {
    if (poll) poll();
    const Frame frame = frame_at(f, t);
    const int64_t label = std::max_element(frame.scores, frame.scores + f.labels) - frame.scores;
    h.score += frame[label];
    if (label != f.blank && label != before) {
      h.tokens.push_back(label);
      h.first.push_back(t);
      h.last.push_back(t);
    } else if (label != f.blank) {
      h.last.back() = t;
    }
    before = label;
  }
  return h;
}

namespace {

// The states of an alignment: a blank before, between and after the tokens.
class Alignment {
 public:
  Alignment(const Frames &f, const std::vector<int64_t> &tokens, const Poll &poll)
      : frames_(f), tokens_(tokens), states_(2 * tokens.size() + 1), score_(states_, log_zero) {
    came_from_.reserve(static_cast<size_t>(f.count) * states_);
    for (int64_t t = 0; t < f.count; ++t) {
      if (poll) poll();
      step(frame_at(f, t), t == 0);
    }
  }

  CtcHypothesis best() const {
    size_t state = states_ - 1;
    if (states_ > 1 && score_[state - 1] > score_[state]) --state;
    if (score_[state] == log_zero) throw Error(Error::setting, "tokens: no alignment is possible");
    CtcHypothesis h{tokens_, std::vector<int64_t>(tokens_.size(), -1), std::vector<int64_t>(tokens_.size(), -1),
                    score_[state]};
    for (int64_t t = frames_.count - 1; t >= 0; --t) {
      if (state % 2 == 1) {
        h.first[state / 2] = t;
        if (h.last[state / 2] < 0) h.last[state / 2] = t;
      }
      state -= came_from_[static_cast<size_t>(t) * states_ + state];
    }
    return h;
  }

 private:
  int64_t label(size_t state) const { return state % 2 == 1 ? tokens_[state / 2] : frames_.blank; }

  void step(const Frame &frame, bool begins) {
    std::vector<double> next(states_, log_zero);
    for (size_t s = 0; s < states_; ++s) {
      uint8_t back = 0;
      double best = begins ? (s < 2 ? 0 : log_zero) : score_[s];
      // The blank between two tokens may be left out, but not between equal ones: these would be one.
      const bool may_skip = s % 2 == 1 && s >= 3 && tokens_[s / 2] != tokens_[s / 2 - 1];
      for (uint8_t by = 1; !begins && by <= (may_skip ? 2 : 1) && by <= s; ++by) {
        if (score_[s - by] > best) {
          best = score_[s - by];
          back = by;
        }
      }
      next[s] = best + frame[label(s)];
      came_from_.push_back(back);
    }
    score_ = std::move(next);
  }

  const Frames &frames_;
  const std::vector<int64_t> &tokens_;
  size_t states_;
  std::vector<double> score_;
  std::vector<uint8_t> came_from_;  // [frames][states]: how many states back
};

}  // namespace

CtcHypothesis ctc_align(const Frames &f, const std::vector<int64_t> &tokens, const Poll &poll) {
  int64_t needed = static_cast<int64_t>(tokens.size());
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i] < 0 || tokens[i] >= f.labels || tokens[i] == f.blank) {
      throw Error(Error::setting, "tokens: " + std::to_string(tokens[i]) + " is the blank or no label");
    }
    needed += static_cast<int64_t>(i > 0 && tokens[i] == tokens[i - 1]);
  }
  if (needed > f.count) {
    throw Error(Error::setting,
                "tokens: they need " + mrun::counted(needed, "frame") + ", there are " + std::to_string(f.count));
  }
  if (f.count == 0) return {};
  return Alignment(f, tokens, poll).best();
}

}  // namespace decode
