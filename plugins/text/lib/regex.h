// Regular expressions over UTF-8, matched by PCRE2, compiled just in time, with bounded work: a match that takes too many
// steps is an error, not a hang. What the characters are is worked out here (pattern/pattern.h), so that results do not
// depend on the installed PCRE2's version of Unicode. Immutable; may be used from several threads at once.
#pragma once
#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "error.h"
#include "pattern/alphabet.h"
#include "pattern/classes.h"
#include "polling.h"

struct pcre2_real_code_8;
struct pcre2_real_compile_context_8;
struct pcre2_real_match_data_8;
struct pcre2_real_match_context_8;
struct pcre2_real_jit_stack_8;

namespace text {

struct Span {
  uint32_t begin = 0, end = 0;  // bytes, half open
};
inline constexpr uint32_t no_match = UINT32_MAX;  // begin and end of a group that took no part

class Regex {
 public:
  // In Ruby's dialect ^ and $ match at lines, and (?m) lets the dot match line ends.
  explicit Regex(std::string_view pattern, Dialect = Dialect::pcre);
  Regex(const Regex &) = delete;
  Regex &operator=(const Regex &) = delete;

  // A text in the pattern's alphabet. places: see Alphabet::spell. Both are empty for a pattern over characters.
  struct Letters {
    std::string letters;
    std::vector<uint32_t> places;
  };
  std::shared_ptr<const Letters> spell(std::string_view s) const;  // s: valid UTF-8

  // Finds matches in one text: what a search needs is made once. Used by one thread.
  class Search {
   public:
    Search(const Regex &regex, std::string_view s) : Search(regex, s, regex.spell(s)) {}
    // s: valid UTF-8, below 4 GiB; letters: of this text and this pattern.
    Search(const Regex &, std::string_view s, std::shared_ptr<const Letters> letters);
    ~Search();
    Search(const Search &) = delete;
    Search &operator=(const Search &) = delete;
    // The first match at or after `from`, which is at a character: groups[0] is the whole match. False where there is
    // none.
    bool find(size_t from, std::vector<Span> &groups) { return look(from, 0, groups); }
    // The next of all matches, from left to right, as Python's re finds them: at the place of an empty match the next may
    // be one that is not empty.
    bool next(std::vector<Span> &groups);

   private:
    bool look(size_t from, uint32_t options, std::vector<Span> &groups);
    size_t letter_at(size_t place) const;  // the byte of the letters of the character there
    uint32_t place_of(size_t letter) const {
      return in_letters_->places.empty() ? uint32_t(letter) : in_letters_->places[letter];
    }
    void ask() noexcept;  // at each try of a match; what it throws is kept in stopped_
    int match(size_t from, uint32_t options);
    bool grow_stack();  // false where it has grown already
    const Regex &regex_;
    std::string_view s_;
    std::shared_ptr<const Letters> in_letters_;
    std::exception_ptr stopped_;
    size_t next_ = 0;            // where the search goes on
    bool empty_before_ = false;  // the last match was empty, and there
    pcre2_real_match_data_8 *data_;
    pcre2_real_match_context_8 *context_;
    pcre2_real_jit_stack_8 *stack_ = nullptr;  // made where a match needs more than PCRE2's 32 KiB
  };
  // Calls f(groups) for each match, as Search::next finds them. f returns false to stop.
  template <class F>
  void each(std::string_view s, F f) const {
    Search search(*this, s);
    std::vector<Span> groups;
    while (search.next(groups) && f(groups)) Polling::now();
  }
  // Where the search for the next match begins that takes no two at one place.
  static size_t after(std::string_view s, Span match);

  uint64_t serial() const { return serial_; }              // another for each one made: an address is used again
  int groups() const;                                      // capturing ones, without the whole match
  std::vector<std::pair<std::string, int>> names() const;  // of named groups, by name
  bool has_names() const { return has_names_; }
  bool matches_empty() const;  // whether some match may be empty

 private:
  static inline std::atomic<uint64_t> made_{0};
  const uint64_t serial_ = ++made_;
  struct FreeCode {
    void operator()(pcre2_real_code_8 *) const;
  };
  void compile(std::string_view pattern, Dialect, pcre2_real_compile_context_8 &);

  std::unique_ptr<pcre2_real_code_8, FreeCode> code_;
  size_t memory() const;  // bytes of what a pattern became
  bool has_names_ = false;
  std::optional<Alphabet> alphabet_;  // none: the pattern is over characters
};

}  // namespace text
