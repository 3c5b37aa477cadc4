// ctc_greedy, ctc_beam, ctc_align, viterbi, dtw, edit_distance.
#include <algorithm>
#include <cmath>
#include <limits>

#include "ctc.h"
#include "paths.h"
#include "wrap.h"

namespace decode {
namespace {

using Text = std::vector<std::string>;
using Numbers = std::map<std::string, double>;

// The scores of one item and the memory that they lie in.
struct Given {
  std::vector<float> scores;
  Frames frames;
};

Given frames_of(const mrun::call &c, const mrun::tensor &scores, int64_t blank) {
  if (scores.dim() != 2 || scores.size(1) == 0)
    mrun::refuse("scores: want one item's, [frames, labels], got " + mrun::shape_text(scores));
  if (blank < 0 || blank >= scores.size(1)) {
    mrun::refuse("blank: want 0 to " + std::to_string(scores.size(1) - 1) + ", got " + std::to_string(blank));
  }
  Given g{floats_of(c, scores, "scores"), {}};
  g.frames = {g.scores.data(), scores.size(0), scores.size(1), blank};
  return g;
}

mrun::value told(const mrun::call &c, const CtcHypothesis &h) {
  std::map<std::string, mrun::value> m;
  m["tokens"] = positions_tensor(c, h.tokens);
  m["first"] = positions_tensor(c, h.first);
  m["last"] = positions_tensor(c, h.last);
  m["score"] = mrun::value::of(c, h.score);
  return mrun::value::of(c, std::move(m));
}

// The best alignment of the tokens; its table is charged as long as it is there.
CtcHypothesis aligned(const mrun::call &c, const Frames &f, const std::vector<int64_t> &tokens) {
  const int64_t table = f.count * static_cast<int64_t>(2 * tokens.size() + 1);
  c.charge(table);
  CtcHypothesis h = ctc_align(f, tokens, [&] { c.poll(); });
  c.charge(-table);
  return h;
}

mrun::value ctc_greedy_op(const mrun::call &c, const mrun::tensor &scores, int64_t blank) {
  return translated("decode.ctc_greedy", [&] {
    const Given g = frames_of(c, scores, blank);
    return told(c, ctc_greedy(g.frames, [&] { c.poll(); }));
  });
}

mrun::value ctc_beam_op(const mrun::call &c, const mrun::tensor &scores, int64_t blank, int64_t beam, int64_t n_best,
                        const Text &labels, const std::string &separator, const Text &words, const Numbers &ngrams,
                        const Numbers &backoffs, double lm_weight, double word_bonus, double unknown) {
  return translated("decode.ctc_beam", [&] {
    const Given g = frames_of(c, scores, blank);
    const CtcWords w{labels, separator, words, ngrams, backoffs, lm_weight, word_bonus, unknown};
    constexpr int64_t bytes_a_token = 3 * sizeof(int64_t);  // of the prefixes, what they become, what is kept of these
    if (beam > 0) c.charge(std::min<int64_t>(beam, most_ctc_beam) * g.frames.count * bytes_a_token);
    std::vector<mrun::value> list;
    for (CtcHypothesis &h : ctc_beam(g.frames, w, beam, n_best, [&] { c.poll(); })) {
      CtcHypothesis placed = aligned(c, g.frames, h.tokens);
      placed.score = h.score;
      list.push_back(told(c, placed));
    }
    return mrun::value::of(c, std::move(list));
  });
}

mrun::value ctc_align_op(const mrun::call &c, const mrun::tensor &scores, const mrun::value &tokens, int64_t blank) {
  return translated("decode.ctc_align", [&] {
    const Given g = frames_of(c, scores, blank);
    return told(c, aligned(c, g.frames, integers_of(c, tokens.get(), "tokens")));
  });
}

void want_shape(const mrun::tensor &t, const std::vector<int64_t> &shape, const char *what) {
  if (t.shape() == shape) return;
  std::string wanted;
  for (const int64_t n : shape) wanted += (wanted.empty() ? "[" : ", ") + std::to_string(n);
  mrun::refuse(std::string(what) + ": want " + wanted + "], got " + mrun::shape_text(t));
}

std::vector<double> ends_of(const mrun::call &c, const std::optional<mrun::tensor> &t, int64_t states,
                            const char *what) {
  if (!t) return std::vector<double>(static_cast<size_t>(states), 0);
  want_shape(*t, {states}, what);
  return doubles_of(c, *t, what);
}

// Logarithms, whose sums are no NaN: -inf says that something is impossible.
void want_logs(const std::vector<double> &scores, const char *what) {
  for (const double x : scores) {
    if (!(x < std::numeric_limits<double>::infinity()))
      mrun::refuse(std::string(what) + ": want numbers or -inf, got " + (std::isnan(x) ? "NaN" : "inf"));
  }
}

std::tuple<mrun::tensor, double> viterbi_op(const mrun::call &c, const mrun::tensor &emissions,
                                            const mrun::tensor &transitions, const std::optional<mrun::tensor> &start,
                                            const std::optional<mrun::tensor> &stop) {
  return translated("decode.viterbi", [&]() -> std::tuple<mrun::tensor, double> {
    if (emissions.dim() != 2 || emissions.size(1) == 0) {
      mrun::refuse("emissions: want one item's, [steps, states], got " + mrun::shape_text(emissions));
    }
    const int64_t steps = emissions.size(0), states = emissions.size(1);
    want_shape(transitions, {states, states}, "transitions");
    c.charge(steps * states * 4);
    const auto e = doubles_of(c, emissions, "emissions"), t = doubles_of(c, transitions, "transitions");
    const auto first = ends_of(c, start, states, "start"), last = ends_of(c, stop, states, "stop");
    want_logs(e, "emissions");
    want_logs(t, "transitions");
    want_logs(first, "start");
    want_logs(last, "stop");
    const Path path = viterbi(e.data(), steps, states, t.data(), first.data(), last.data(), [&] { c.poll(); });
    if (std::isinf(path.score)) mrun::refuse("no path is possible: each has a score of -inf");
    return {positions_tensor(c, path.states), path.score};
  });
}

Warp warped(const mrun::call &c, const std::vector<double> &costs, const mrun::tensor &t, const char *what) {
  if (!std::all_of(costs.begin(), costs.end(), [](double x) { return std::isfinite(x); })) {
    mrun::refuse(std::string(what) + ": want finite numbers, got NaN or an infinity");
  }
  return warp(costs.data(), t.size(0), t.size(1), [&] { c.poll(); });
}

std::tuple<mrun::tensor, mrun::tensor> dtw(const mrun::call &c, const mrun::tensor &costs) {
  return translated("decode.dtw", [&]() -> std::tuple<mrun::tensor, mrun::tensor> {
    if (costs.dim() != 2) mrun::refuse("costs: want [rows, columns], got " + mrun::shape_text(costs));
    c.charge(costs.numel());
    const Warp path = warped(c, doubles_of(c, costs, "costs"), costs, "costs");
    return {positions_tensor(c, path.rows), positions_tensor(c, path.columns)};
  });
}

// Where the path of greatest attention [tokens, sources] passes through each token.
std::tuple<mrun::tensor, mrun::tensor> attention_times(const mrun::call &c, const mrun::tensor &attention) {
  return translated("decode.attention_times", [&]() -> std::tuple<mrun::tensor, mrun::tensor> {
    if (attention.dim() != 2) mrun::refuse("attention: want [tokens, sources], got " + mrun::shape_text(attention));
    c.charge(attention.numel());
    auto costs = doubles_of(c, attention, "attention");
    for (double &x : costs) x = -x;
    const Warp path = warped(c, costs, attention, "attention");
    const auto tokens = static_cast<size_t>(path.rows.empty() ? 0 : attention.size(0));
    std::vector<int64_t> first(tokens, -1), last(tokens, -1);
    for (size_t i = 0; i < path.rows.size(); ++i) {
      const auto token = static_cast<size_t>(path.rows[i]);
      if (first[token] < 0) first[token] = path.columns[i];
      last[token] = path.columns[i];
    }
    return {positions_tensor(c, first), positions_tensor(c, last)};
  });
}

std::vector<int64_t> characters(std::string_view text) {
  std::vector<int64_t> points;
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    if ((byte & 0xC0U) != 0x80U) {
      points.push_back(byte);
    } else {
      points.back() = points.back() * 256 + byte;  // each character a number of its own
    }
  }
  return points;
}

// What edit_distance compares: "a text" by its characters, "a list of texts", "integers"; of an empty list nothing.
std::string units_name(const mrun_value &v) {
  if (v.kind == MRUN_LIST && v.as.list.size == 0) return "";
  if (v.kind == MRUN_STRING) return "a text";
  if (v.kind != MRUN_LIST && v.kind != MRUN_TENSOR) return mrun::came_text(v);
  return v.kind == MRUN_LIST && mrun::kind<Text>::is(v) ? "a list of texts" : "integers";
}

std::vector<int64_t> units(const mrun::call &c, const mrun_value &v, std::map<std::string, int64_t> &known,
                           const char *what) {
  if (v.kind == MRUN_STRING) return characters({v.as.string.data, v.as.string.size});
  if (v.kind != MRUN_LIST && v.kind != MRUN_TENSOR) {
    mrun::refuse(std::string(what) + ": want a text, or a list of texts or integers, got " + mrun::came_text(v));
  }
  if (units_name(v) != "a list of texts") return integers_of(c, v, what);
  std::vector<int64_t> numbers;
  for (const std::string &text : mrun::kind<Text>::from(c, v)) {
    numbers.push_back(known.try_emplace(text, static_cast<int64_t>(known.size())).first->second);
  }
  return numbers;
}

std::tuple<int64_t, int64_t, int64_t, int64_t> edit_distance_op(const mrun::call &c, const mrun::value &a,
                                                                const mrun::value &b) {
  return translated("decode.edit_distance", [&]() -> std::tuple<int64_t, int64_t, int64_t, int64_t> {
    std::map<std::string, int64_t> known;
    const auto x = units(c, a.get(), known, "a");
    const std::string one = units_name(a.get()), other = units_name(b.get());
    if (one != other && !one.empty() && !other.empty()) mrun::refuse("b: want what a is, " + one + ", got " + other);
    const auto y = units(c, b.get(), known, "b");
    constexpr int64_t bytes_a_unit = 8, bytes_a_column = 64;
    c.charge(static_cast<int64_t>(x.size() + y.size()) * bytes_a_unit +
             static_cast<int64_t>(y.size()) * bytes_a_column);
    const Edits e = edit_distance(x, y, [&] { c.poll(); });
    return {e.distance, e.substitutions, e.insertions, e.deletions};
  });
}

}  // namespace

void add_ctc(const mrun::registrar &r) {
  r.op<ctc_greedy_op>("decode.ctc_greedy@1(Tensor scores, *, int blank=0) -> Any",
                      "The best label of each frame, without repeats and blanks: {tokens, first, last, score}.");
  r.op<ctc_beam_op>(
      "decode.ctc_beam@1(Tensor scores, *, int blank=0, int beam=16, int n_best=1, str[] labels=[], str separator=' ', "
      "str[] words=[], Dict(str, float) ngrams={}, Dict(str, float) backoffs={}, float lm_weight=1.0, "
      "float word_bonus=0.0, float unknown=-10.0) -> Any",
      "The most probable sequences of labels by prefix beam search, best first: {tokens, first, last, score}.");
  r.op<ctc_align_op>("decode.ctc_align@1(Tensor scores, Any tokens, *, int blank=0) -> Any",
                     "The most probable alignment of tokens with frames: {tokens, first, last, score}.");
  r.op<viterbi_op>(
      "decode.viterbi@1(Tensor emissions, Tensor transitions, *, Tensor? start=None, Tensor? stop=None) -> "
      "(Tensor path, float score)",
      "The best path through states: [steps, states] emissions, [states, states] transitions from and to.");
  r.op<dtw>("decode.dtw@1(Tensor costs) -> (Tensor rows, Tensor columns)",
            "The path of least cost from the first to the last corner (dynamic time warping).");
  r.op<attention_times>("decode.attention_times@1(Tensor attention) -> (Tensor first, Tensor last)",
                        "For each token the first and last source on the path of greatest attention.");
  r.op<edit_distance_op>(
      "decode.edit_distance@1(Any a, Any b) -> (int distance, int substitutions, int insertions, int deletions)",
      "The fewest edits that make b of a: texts by character, lists and tensors by element.");
}

}  // namespace decode
