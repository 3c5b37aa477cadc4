#include "search.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <mrun/message.hpp>

#include "draw.h"
#include "error.h"
#include "softmax.h"

namespace decode {
namespace {

SearchOptions checked(SearchOptions o) {
  o.check();
  if (o.constraint && o.constraint->distance(Constraint::start) > o.most_text()) {
    throw Error(Error::setting, "constrain: what fits needs at least " +
                                    mrun::counted(o.constraint->distance(Constraint::start), "token") +
                                    (o.most_text() < o.max_new ? " and eos" : "") + ", max_new is " +
                                    std::to_string(o.max_new));
  }
  return o;
}

[[noreturn]] void bad_scores(double log_sum, size_t row) {
  const char *what = std::isnan(log_sum) ? "NaN" : log_sum > 0 ? "an infinity" : "-inf for every token";
  throw Error(Error::model, std::string("the step's scores have ") + what + " in row " + std::to_string(row));
}

}  // namespace

Search::Search(SearchOptions o)
    : options_(checked(std::move(o))), rules_(options_), pool_(options_), rows_(1), streams_(1, 0) {
  feed_ = {options_.prompt[0]};
}

bool Search::is_eos(int64_t token) const {
  return std::find(options_.eos.begin(), options_.eos.end(), token) != options_.eos.end();
}

Search::Weighed Search::weigh(const StepScores &given, const Bias &bias, const Poll &poll) {
  Weighed w;
  const auto width = static_cast<size_t>(given.vocabulary);
  for (size_t row = 0; row < rows_.size(); ++row) {
    w.scores.push_back(given.scores + row * width);
    w.log_sums.push_back(log_sum_exp(w.scores[row], given.vocabulary));
    if (!std::isfinite(w.log_sums[row])) bad_scores(w.log_sums[row], row);
    if (poll) poll();
  }
  if (!bias && !rules_.any()) return w;
  // What the model gave may be shared: rules and on_step change a copy.
  w.copy.assign(given.scores, given.scores + rows_.size() * width);
  std::vector<double> shifts(rows_.size(), 0.0);
  if (bias) {
    for (size_t i = 0; i < w.copy.size(); ++i) {
      w.copy[i] = static_cast<float>(double{w.copy[i]} - w.log_sums[i / width]);
    }
    shifts.swap(w.log_sums);
    bias(w.copy.data(), *this);
    for (size_t row = 0; row < rows_.size(); ++row) {
      // Only for the check.
      const double after = log_sum_exp(w.copy.data() + row * width, given.vocabulary);
      if (std::isnan(after) || after > std::numeric_limits<float>::max()) {
        throw Error(Error::setting, "on_step: it left NaN or an infinity in row " + std::to_string(row));
      }
    }
  }
  for (size_t row = 0; row < rows_.size(); ++row) {
    float *const scores = w.copy.data() + row * width;
    rules_.apply(rows_[row], scores, given.vocabulary, w.log_sums[row], shifts[row]);
    w.scores[row] = scores;
    // CTranslate2 has its rules before it normalizes, the others after.
    if (options_.scoring == Scoring::ctranslate2) w.log_sums[row] = log_sum_exp(scores, given.vocabulary);
    if (poll) poll();
  }
  return w;
}

// Whether the row's text is what a constraint asks for and nothing may follow, not even eos, because there is none.
bool Search::complete(size_t row, const Weighed &w, int64_t vocabulary) const {
  if (!options_.constraint || !options_.eos.empty() || rows_[row].tokens.empty()) return false;
  const float *const scores = w.scores[row];
  return options_.constraint->accepts(rows_[row].state) &&
         std::none_of(scores, scores + vocabulary, [](float x) { return x > -std::numeric_limits<float>::infinity(); });
}

std::vector<Candidate> Search::candidates(const Weighed &w, int64_t vocabulary, const Poll &poll) const {
  // A row has at most eos.size() candidates that end: though all of these were among the best, a whole beam goes on.
  const size_t each = std::max<size_t>(2, options_.eos.size() + 1);
  Candidates best(std::min(each * static_cast<size_t>(options_.beam), rows_.size() * static_cast<size_t>(vocabulary)));
  for (size_t row = 0; row < rows_.size(); ++row) {
    if (poll) poll();
    best.add(row, rows_[row].sum, w.scores[row], vocabulary, w.log_sums[row]);
  }
  return best.take();
}

std::vector<Candidate> Search::drawn(const Weighed &w, int64_t vocabulary, const Poll &poll) const {
  std::vector<Candidate> result;
  const auto wanted = static_cast<size_t>(step_ == 0 ? options_.n_best : static_cast<int64_t>(rows_.size()));
  for (size_t i = 0; i < wanted; ++i) {
    if (poll) poll();
    const size_t row = step_ == 0 ? 0 : i;
    const uint64_t stream = step_ == 0 ? i : streams_[i];
    const double uniform = uniform_at(options_.seed, stream, static_cast<uint64_t>(step_));
    if (complete(row, w, vocabulary)) continue;
    Candidate c = draw(options_, w.scores[row], vocabulary, w.log_sums[row], uniform);
    if (c.token < 0) continue;  // as with a beam, the other rows go on
    c.row = row;
    c.total = rows_[row].sum + c.log_prob;
    result.push_back(c);
  }
  return result;
}

// The row that a candidate makes of its own.
Row Search::continued(const Candidate &c, const Weighed &w, const StepScores &given) const {
  Row row = rows_[c.row];
  row.tokens.push_back(c.token);
  row.log_probs.push_back(c.log_prob);
  row.sum = c.total;
  if (options_.alternatives > 0) {
    Candidates best(static_cast<size_t>(options_.alternatives));
    best.add(0, 0, w.scores[c.row], given.vocabulary, w.log_sums[c.row]);
    const std::vector<Candidate> found = best.take();
    auto &place = row.alternatives.emplace_back();
    place.reserve(found.size());
    for (const Candidate &a : found) place.emplace_back(a.token, a.log_prob);
  }
  if (options_.attention) {
    const float *from = given.attention + static_cast<int64_t>(c.row) * given.sources;
    row.attention.reserve(row.attention.size() + static_cast<size_t>(given.sources));  // what `bytes` counts, no more
    row.attention.insert(row.attention.end(), from, from + given.sources);
  }
  if (options_.constraint) follow(row, c.token);
  return row;
}

// A forced token need not fit.
void Search::follow(Row &row, int64_t token) const {
  const bool fits = is_eos(token) ? options_.constraint->accepts(row.state)
                                  : options_.constraint->next(row.state, token) != Automaton::dead;
  if (!fits) throw Error(Error::setting, "forced: token " + std::to_string(token) + " does not fit constrain");
  if (!is_eos(token)) row.state = options_.constraint->next(row.state, token);
}

// The stop text that the row's last token completed, or -1.
int Search::stop_text(Row &row) const {
  if (options_.stop.empty()) return -1;
  size_t longest = 0;
  const Pieces &pieces = *options_.pieces;
  const bool first = std::all_of(row.tokens.begin(), row.tokens.end() - 1,
                                 [&](int64_t token) { return pieces.bytes(token, false).empty(); });
  row.tail += pieces.bytes(row.tokens.back(), first);
  for (size_t i = 0; i < options_.stop.size(); ++i) {
    if (row.tail.find(options_.stop[i]) != std::string::npos) return static_cast<int>(i);
    longest = std::max(longest, options_.stop[i].size());
  }
  // A stop text may begin in this token and end in a later one: all but the first byte of the longest could be here.
  if (row.tail.size() >= longest) row.tail.erase(0, row.tail.size() - longest + 1);
  return -1;
}

// Without eos a text that nothing may follow has ended, though it took all of max_new.
void Search::end(const Row &row, bool ended, int stop, int64_t sources) {
  Hypothesis h;
  static_cast<Row &>(h) = row;
  h.ended = ended || (options_.constraint && options_.eos.empty() && options_.constraint->is_final(row.state));
  h.stop = stop;
  h.sources = sources;
  pool_.add(std::move(h));
}

void Search::keep(Row row, size_t origin) {
  feed_.push_back(row.tokens.back());
  origins_.push_back(origin);
  rows_.push_back(std::move(row));
}

// CTranslate2 lets only the best candidate end right after a prefix; another one's place in the beam is lost.
bool Search::loses_eos(size_t rank) const {
  const bool prefix = options_.prompt.size() > 1 || !options_.forced.empty();
  return options_.scoring == Scoring::ctranslate2 && prefix && rank > 0 &&
         step_ == static_cast<int64_t>(options_.forced.size());
}

// Candidates become rows or hypotheses. Those that end count among the best `beam` only, as in all three libraries.
void Search::choose(const std::vector<Candidate> &best, const Weighed &w, const StepScores &given, const Poll &poll) {
  const auto most = static_cast<size_t>(options_.rows());
  std::vector<Row> made;
  std::vector<size_t> origins;
  std::vector<uint64_t> streams;
  size_t lost = 0;
  for (size_t rank = 0; rank < best.size() && made.size() + lost < most; ++rank) {
    const bool eos = is_eos(best[rank].token);
    if (eos && loses_eos(rank)) ++lost;
    if (eos && (rank >= most || loses_eos(rank))) continue;
    if (poll) poll();
    Row row = continued(best[rank], w, given);
    const int stop = eos ? -1 : stop_text(row);
    if (eos || stop >= 0) {
      if (rank == 0) pool_.best_ended();
      if (rank < most) end(row, true, stop, given.sources);
      continue;
    }
    made.push_back(std::move(row));
    origins.push_back(best[rank].row);
    // A draw's random numbers stay its own when rows before it end.
    streams.push_back(step_ == 0 ? rank : streams_[best[rank].row]);
  }
  rows_.clear();
  feed_.clear();
  origins_.clear();
  for (size_t i = 0; i < made.size(); ++i) keep(std::move(made[i]), origins[i]);
  streams_ = std::move(streams);
}

// The last step: the best `beam` candidates are hypotheses, ended or not.
void Search::choose_last(const std::vector<Candidate> &best, const Weighed &w, const StepScores &given,
                         const Poll &poll) {
  const auto most = static_cast<size_t>(options_.rows());
  for (size_t rank = 0; rank < best.size() && rank < most; ++rank) {
    if (poll) poll();
    Row row = continued(best[rank], w, given);
    const bool eos = is_eos(best[rank].token);
    if (eos && loses_eos(rank)) continue;
    const int stop = eos ? -1 : stop_text(row);
    end(row, eos || stop >= 0, stop, given.sources);
  }
  rows_.clear();
  feed_.clear();
  origins_.clear();
}

// No more steps: what is still open ends as it is.
void Search::finish(int64_t sources) {
  for (const Row &row : rows_) end(row, false, -1, sources);
  rows_.clear();
  feed_.clear();
  origins_.clear();
  over_ = true;
}

// The step's results are as they were in the first call, and attention is numbers.
void Search::check_shapes(const StepScores &given) {
  if (vocabulary_ == 0) options_.check_vocabulary(given.vocabulary);
  if (vocabulary_ != 0 && vocabulary_ != given.vocabulary) {
    throw Error(Error::model, "the step gave scores of " + mrun::counted(vocabulary_, "token") + ", now of " +
                                  std::to_string(given.vocabulary));
  }
  vocabulary_ = given.vocabulary;
  if (options_.attention && sources_ >= 0 && sources_ != given.sources) {
    throw Error(Error::model, "the step gave attention of " + mrun::counted(sources_, "source") + ", now of " +
                                  std::to_string(given.sources));
  }
  sources_ = given.sources;
  const float *const end = given.attention + given.rows * given.sources;
  const auto wrong = std::find_if_not(given.attention, end, [](float x) { return std::isfinite(x); });
  if (wrong != end) {
    throw Error(Error::model, std::string("the step's attention has ") + (std::isnan(*wrong) ? "NaN" : "an infinity") +
                                  " in row " + std::to_string((wrong - given.attention) / given.sources));
  }
}

void Search::advance(const StepScores &given, const Bias &bias, const Poll &poll) {
  check_shapes(given);
  if (++fed_ < options_.prompt.size()) {
    feed_ = {options_.prompt[fed_]};
    origins_ = {0};
    return;
  }
  const Weighed w = weigh(given, bias, poll);
  for (size_t row = 0; row < rows_.size(); ++row) {
    if (complete(row, w, given.vocabulary)) end(rows_[row], true, -1, given.sources);
  }
  const std::vector<Candidate> best =
      options_.sample ? drawn(w, given.vocabulary, poll) : candidates(w, given.vocabulary, poll);
  if (best.empty() && pool_.empty()) {
    throw Error(Error::dead_end, "no token may follow: the rules together forbid all of them");
  }
  const bool last = step_ + 1 == options_.max_new;
  if (last && !options_.sample) {
    choose_last(best, w, given, poll);
  } else {
    choose(best, w, given, poll);
  }
  ++step_;
  const bool done = !options_.sample && !rows_.empty() && pool_.done(rows_[0].sum, step_);
  if (done) rows_.clear();
  if (done || last || rows_.empty()) finish(given.sources);
}

// Of each token its number, log-probability, alternatives and attention: of the rows, of those that are made of them, and
// of hypotheses, of which a step may add as many again.
int64_t Search::bytes(int64_t vocabulary, int64_t sources) const {
  constexpr int64_t an_alternative = sizeof(std::pair<int64_t, double>), a_list = sizeof(std::vector<float>);
  const int64_t others = std::min(options_.alternatives, vocabulary);
  const int64_t a_token = static_cast<int64_t>(sizeof(int64_t) + sizeof(double)) +
                          (others > 0 ? a_list + others * an_alternative : 0) +
                          sources * static_cast<int64_t>(sizeof(float));
  return a_token * (step_ + 1) * (3 * options_.rows() + static_cast<int64_t>(pool_.kept().size()));
}

Tokens Search::settled() const {
  std::vector<const Tokens *> all;
  for (const Row &row : rows_) all.push_back(&row.tokens);
  for (const Hypothesis &h : pool_.kept()) all.push_back(&h.tokens);
  if (all.empty()) return {};
  Tokens common = *all[0];
  for (const Tokens *tokens : all) {
    const auto end = std::mismatch(common.begin(), common.end(), tokens->begin(), tokens->end()).first;
    common.erase(end, common.end());
  }
  return common;
}

}  // namespace decode
