// Prefix beam search (Hannun et al. 2014): for each prefix the probability of all alignments that end with a blank, and
// of those that end with its last token.
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "automaton.h"
#include "ctc_frame.h"

namespace decode {
namespace {

struct Prefix {
  std::vector<int64_t> tokens;
  double blank = log_zero, token = log_zero;  // probabilities of alignments by what they end with
  double words = 0;                           // what the finished words are worth
  int32_t state = 0;                          // in the automaton of words
  std::string word;                           // the unfinished one
  bool begun = false;                         // there is text, or a separator
  std::vector<std::string> history;
  double total() const { return add_logs(blank, token); }
  double rank() const { return total() + words; }
};

struct Extension {
  double rank = 0, probability = 0;
  size_t prefix = 0;
  int64_t token = 0;
};

bool better(const Extension &a, const Extension &b) {
  if (a.rank != b.rank) return a.rank > b.rank;
  return a.prefix != b.prefix ? a.prefix < b.prefix : a.token < b.token;
}

// A label's text cut at the separators in it: pieces of sentencepiece, "▁the", begin with one.
std::vector<std::string> cut(const std::string &label, const std::string &separator) {
  std::vector<std::string> parts;
  size_t from = 0;
  for (size_t at; !separator.empty() && (at = label.find(separator, from)) != std::string::npos;) {
    parts.push_back(label.substr(from, at - from));
    from = at + separator.size();
  }
  parts.push_back(label.substr(from));
  return parts;
}

class BeamSearch {
 public:
  BeamSearch(const Frames &f, const CtcWords &w, int64_t beam)
      : frames_(f), words_(w), beam_(static_cast<size_t>(beam)), prefixes_(1) {
    prefixes_[0].blank = 0;
    if (!w.words.empty()) automaton_ = compile_texts(w.words, "words");
    for (const std::string &label : w.labels) {
      parts_.push_back(cut(label, w.separator));
      may_begin_ |= parts_.back().size() > 1 && parts_.back()[0].empty() && !parts_.back()[1].empty();
    }
    const auto words_in = [](const std::string &s) {
      return 1 + static_cast<size_t>(std::count(s.begin(), s.end(), ' '));
    };
    for (const auto &entry : w.ngrams) order_ = std::max(order_, words_in(entry.first));
    // A history may have a weight though no n-gram is as long.
    for (const auto &entry : w.backoffs) order_ = order_ > 0 ? std::max(order_, 1 + words_in(entry.first)) : 0;
  }

  void step(const Frame &frame) {
    std::vector<Prefix> next = prefixes_;
    for (size_t i = 0; i < next.size(); ++i) {
      const Prefix &old = prefixes_[i];
      next[i].blank = old.total() + frame[frames_.blank];
      next[i].token = old.tokens.empty() ? log_zero : old.token + frame[old.tokens.back()];
    }
    std::vector<Extension> extensions = extend(next, frame);
    prefixes_ = select(std::move(next), extensions);
  }

  std::vector<CtcHypothesis> results(size_t wanted) {
    std::vector<CtcHypothesis> all;
    for (Prefix &p : prefixes_) {
      if (!p.word.empty()) {
        if (!finish_word(p) || p.rank() == log_zero) continue;
      }
      all.push_back({p.tokens, {}, {}, p.rank()});
    }
    std::stable_sort(all.begin(), all.end(), [](const auto &a, const auto &b) { return a.score > b.score; });
    if (all.size() > wanted) all.resize(wanted);
    return all;
  }

 private:
  bool has_words() const { return !words_.labels.empty(); }
  const std::vector<std::string> &parts(int64_t token) const { return parts_[static_cast<size_t>(token)]; }

  // Back-off as in ARPA files: the longest context of which the n-gram is known counts, and the weights of the longer ones
  // that were given up for it are added.
  double ngram(const std::vector<std::string> &history, const std::string &word) const {
    double backed_off = 0;
    const size_t most = std::min(history.size(), order_ > 0 ? order_ - 1 : 0);
    for (size_t n = most;; --n) {
      std::string context;
      for (size_t i = history.size() - n; i < history.size(); ++i) context += history[i] + " ";
      const auto found = words_.ngrams.find(context + word);
      if (found != words_.ngrams.end()) return backed_off + found->second;
      if (n == 0) return backed_off + words_.unknown;
      const auto weight = words_.backoffs.find(context.substr(0, context.size() - 1));
      if (weight != words_.backoffs.end()) backed_off += weight->second;
    }
  }

  // False where the word is none.
  bool finish_word(Prefix &p) const {
    if (!words_.words.empty() && automaton_.accepts[static_cast<size_t>(p.state)] == 0) return false;
    if (order_ > 0 && words_.lm_weight != 0) p.words += words_.lm_weight * ngram(p.history, p.word);
    p.words += words_.word_bonus;
    p.history.push_back(std::move(p.word));
    if (p.history.size() > order_) p.history.erase(p.history.begin());
    p.word.clear();
    p.state = 0;
    return true;
  }

  // A list of words has no empty one: between separators, or in front of the first where no label begins with a separator.
  bool separate(Prefix &p) const {
    const bool begins = !std::exchange(p.begun, true);
    if (p.word.empty()) return words_.words.empty() || (begins && may_begin_);
    return finish_word(p);
  }

  bool spell(Prefix &p, const std::string &text) const {
    for (const char c : text) {
      if (words_.words.empty()) break;
      p.state = automaton_.step(p.state, c);
      if (p.state == Automaton::dead) return false;
    }
    p.word += text;
    p.begun |= !text.empty();
    return true;
  }

  // The words after one more token; false where it may not follow.
  bool spell(Prefix &p, int64_t token) const {
    if (!has_words()) return true;
    const auto &all = parts(token);
    if (!spell(p, all[0])) return false;
    return std::all_of(all.begin() + 1, all.end(), [&](const auto &part) { return separate(p) && spell(p, part); });
  }

  // What a token adds to a prefix's words, and whether it may follow.
  bool worth(const Prefix &p, int64_t token, double &words) const {
    words = p.words;
    if (!has_words()) return true;
    if (words_.words.empty() && parts(token).size() == 1) return true;
    Prefix tried;
    tried.words = p.words;
    tried.state = p.state;
    tried.word = p.word;
    tried.begun = p.begun;
    tried.history = p.history;
    if (!spell(tried, token)) return false;
    words = tried.words;
    return true;
  }

  // A prefix with one more token: added to the prefix that it is, if that one is kept, else a candidate.
  std::vector<Extension> extend(std::vector<Prefix> &next, const Frame &frame) const {
    std::vector<Extension> best;
    for (size_t i = 0; i < prefixes_.size(); ++i) {
      const Prefix &from = prefixes_[i];
      const auto children = children_of(i);
      const double total = from.total();
      for (int64_t token = 0; token < frames_.labels; ++token) {
        if (token == frames_.blank) continue;
        // The last token again makes a longer prefix only behind a blank; behind the token itself it is the same one going on,
        // which step() has counted.
        const bool repeats = !from.tokens.empty() && from.tokens.back() == token;
        const double probability = (repeats ? from.blank : total) + frame[token];
        if (probability == log_zero) continue;
        const auto child = std::find_if(children.begin(), children.end(),
                                        [&](size_t c) { return prefixes_[c].tokens.back() == token; });
        if (child != children.end()) {
          next[*child].token = add_logs(next[*child].token, probability);
          continue;
        }
        offer(best, from, {0, probability, i, token});
      }
    }
    return best;
  }

  void offer(std::vector<Extension> &best, const Prefix &from, Extension e) const {
    double words = 0;
    if (!worth(from, e.token, words)) return;
    e.rank = e.probability + words;
    if (best.size() == beam_) {
      if (!better(e, best.front())) return;
      std::pop_heap(best.begin(), best.end(), better);
      best.back() = e;
    } else {
      best.push_back(e);
    }
    std::push_heap(best.begin(), best.end(), better);
  }

  // Those of the kept prefixes that are this one with one more token.
  std::vector<size_t> children_of(size_t parent) const {
    const auto &tokens = prefixes_[parent].tokens;
    std::vector<size_t> children;
    for (size_t i = 0; i < prefixes_.size(); ++i) {
      const auto &other = prefixes_[i].tokens;
      if (other.size() == tokens.size() + 1 && std::equal(tokens.begin(), tokens.end(), other.begin())) {
        children.push_back(i);
      }
    }
    return children;
  }

  std::vector<Prefix> select(std::vector<Prefix> next, std::vector<Extension> &extensions) const {
    std::sort(extensions.begin(), extensions.end(), better);
    for (const Extension &e : extensions) {
      Prefix p = prefixes_[e.prefix];
      spell(p, e.token);
      p.tokens.push_back(e.token);
      p.blank = log_zero;
      p.token = e.probability;
      next.push_back(std::move(p));
    }
    std::erase_if(next, [](const Prefix &p) { return p.rank() == log_zero; });
    std::stable_sort(next.begin(), next.end(), [](const Prefix &a, const Prefix &b) { return a.rank() > b.rank(); });
    if (next.size() > beam_) next.resize(beam_);
    return next;
  }

  const Frames &frames_;
  const CtcWords &words_;
  size_t beam_;
  std::vector<Prefix> prefixes_;
  std::vector<std::vector<std::string>> parts_;  // of each label
  bool may_begin_ = false;                       // a text may begin with a separator: labels do
  Automaton automaton_;                          // of one word
  size_t order_ = 0;                             // of the n-grams; 0: there are none
};

// Ranks are sorted: none may be NaN. -inf is a probability of nothing.
void check_log(const char *name, const std::string &key, double value) {
  if (value < std::numeric_limits<double>::infinity()) return;
  throw Error(Error::setting, std::string(name) + (key.empty() ? "" : "[\"" + key + "\"]") +
                                  ": want a number or -inf, got " + (std::isnan(value) ? "NaN" : "inf"));
}

void check_weight(const char *name, double value) {
  if (std::isfinite(value)) return;
  throw Error(Error::setting,
              std::string(name) + ": want a finite number, got " + (std::isnan(value) ? "NaN" : "an infinity"));
}

// A word that holds the separator is several, and would never come.
void check_words(const CtcWords &w) {
  for (const std::string &word : w.words) {
    if (cut(word, w.separator).size() == 1) continue;
    throw Error(Error::setting, "words: \"" + word + "\" has the separator in it; want single words");
  }
}

void check_worth(const CtcWords &w) {
  check_weight("lm_weight", w.lm_weight);
  check_weight("word_bonus", w.word_bonus);
  check_log("unknown", "", w.unknown);
  for (const auto &[words, value] : w.ngrams) check_log("ngrams", words, value);
  for (const auto &[words, value] : w.backoffs) check_log("backoffs", words, value);
}

}  // namespace

std::vector<CtcHypothesis> ctc_beam(const Frames &f, const CtcWords &w, int64_t beam, int64_t wanted,
                                    const Poll &poll) {
  if (beam < 1 || beam > most_ctc_beam) {
    throw Error(Error::setting, "beam: want 1 to " + std::to_string(most_ctc_beam) + ", got " + std::to_string(beam));
  }
  if (wanted < 1 || wanted > beam) {
    throw Error(Error::setting, "n_best: want 1 to beam (" + std::to_string(beam) + "), got " + std::to_string(wanted));
  }
  if (!w.labels.empty() && static_cast<int64_t>(w.labels.size()) != f.labels) {
    throw Error(Error::setting, "labels: want " + std::to_string(f.labels) +
                                    ", one for each column of the scores, got " + std::to_string(w.labels.size()));
  }
  if (w.labels.empty() && !(w.words.empty() && w.ngrams.empty())) {
    throw Error(Error::setting, "labels: words and ngrams need the labels' texts");
  }
  check_words(w);
  check_worth(w);
  BeamSearch search(f, w, beam);
  for (int64_t t = 0; t < f.count; ++t) {
    if (poll) poll();
    search.step(frame_at(f, t));
  }
  return search.results(static_cast<size_t>(wanted));
}

}  // namespace decode
