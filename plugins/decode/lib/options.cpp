#include "options.h"

#include <array>
#include <charconv>
#include <cmath>
#include <mrun/message.hpp>

#include "error.h"

namespace decode {
namespace {

[[noreturn]] void wrong(const std::string &text) { throw Error(Error::setting, text); }

void want_between(const char *name, int64_t value, int64_t least, int64_t most) {
  if (value >= least && value <= most) return;
  wrong(std::string(name) + ": want " + std::to_string(least) + " to " + std::to_string(most) + ", got " +
        std::to_string(value));
}

void want(bool right, const char *name, double value, const char *wanted) {
  if (!right) wrong(std::string(name) + ": want " + wanted + ", got " + number_text(value));
}

void want_inside(const char *name, const Tokens &tokens, int64_t size) {
  for (const int64_t token : tokens) {
    if (token < 0 || token >= size) {
      wrong(std::string(name) + ": token " + std::to_string(token) + " is outside the vocabulary of " +
            std::to_string(size));
    }
  }
}

// Control tokens may be beyond: tokenizers are given more of them than the model has scores for.
void want_texts_inside(const Pieces *pieces, int64_t size) {
  if (!pieces || pieces->text_end() <= size) return;
  wrong("tokenizer: its token " + std::to_string(pieces->text_end() - 1) + " has a text, the step gives scores of " +
        mrun::counted(size, "token"));
}

}  // namespace

std::string number_text(double value) {
  if (std::isnan(value)) return "NaN";
  std::array<char, 32> text{};  // not printf's: that goes by the program's locale
  char *const begin = text.data();
  return {begin, std::to_chars(begin, begin + text.size(), value, std::chars_format::general, 6).ptr};
}

void SearchOptions::check() const {
  constexpr int64_t most_rows = 1024, most_tokens = 1 << 20;
  if (prompt.empty()) wrong("bos: give the token that the search begins with, or prefix, a list of them");
  want_between("beam", beam, 1, most_rows);
  want_between("n_best", n_best, 1, most_rows);
  if (!sample && n_best > beam) {
    wrong("n_best: want at most beam (" + std::to_string(beam) + "), got " + std::to_string(n_best));
  }
  want_between("max_new", max_new, 1, most_tokens);
  want_between("min_new", min_new, 0, most_text());
  want_between("forced", static_cast<int64_t>(forced.size()), 0, max_new);
  want_between("no_repeat_ngram", no_repeat_ngram, 0, most_tokens);
  want_between("top_k", top_k, 0, INT32_MAX);
  want_between("alternatives", alternatives, 0, 1000);
  want(std::fabs(length_penalty) <= 50, "length_penalty", length_penalty, "-50 to 50");  // most_tokens ^ 50 is finite
  want(coverage_penalty >= 0 && std::isfinite(coverage_penalty), "coverage_penalty", coverage_penalty, "at least 0");
  want(patience > 0 && patience <= 1000, "patience", patience, "a number above 0, at most 1000");
  want(repetition_penalty > 0 && std::isfinite(repetition_penalty), "repetition_penalty", repetition_penalty,
       "a number above 0");
  want(temperature > 0 && std::isfinite(temperature), "temperature", temperature,
       "a number above 0 (without chance: decode.greedy)");
  want(top_p > 0 && top_p <= 1, "top_p", top_p, "a number above 0, at most 1");
  want(min_p >= 0 && min_p <= 1, "min_p", min_p, "0 to 1");
  if (coverage_penalty > 0 && !attention) wrong("coverage_penalty: needs attention = true, and a step that gives it");
  if (!stop.empty() && !pieces) wrong("stop: needs tokenizer, whose pieces make the text");
  for (const std::string &text : stop) {
    if (text.empty()) wrong("stop: a text is empty");
  }
  for (const Tokens &word : bad_words) {
    if (word.empty()) wrong("bad_words: a word has no tokens");
  }
}

void SearchOptions::check_vocabulary(int64_t size) const {
  want_inside("eos", eos, size);
  want_inside("forced", forced, size);
  want_inside("suppress", suppress, size);
  for (const Tokens &word : bad_words) want_inside("bad_words", word, size);
  if (constraint) {
    if (constraint->greatest_choice() >= 0) want_inside("constrain: choices", {constraint->greatest_choice()}, size);
    want_texts_inside(constraint->pieces(), size);  // what the model cannot give completes no text
  }
  // Elsewhere it may be a token that only begins: models know more tokens than they give scores for.
  if (repetition_penalty != 1 || no_repeat_ngram > 0) want_inside("bos, prefix", prompt, size);
  want_texts_inside(pieces.get(), size);
}

}  // namespace decode
