#include "regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <memory>
#include <mrun/message.hpp>
#include <new>

#include "budget.h"
#include "pattern/pattern.h"
#include "utf8.h"

namespace text {
namespace {

constexpr uint32_t step_limit = 2'000'000;           // about 10 ms for the interpreter
constexpr uint32_t heap_limit_kib = 20'000;          // backtracking memory, and the stack of compiled code
constexpr size_t longest_written = size_t(4) << 20;  // PCRE2 takes nothing that comes of more

template <auto free_it>
struct Free {
  template <class T>
  void operator()(T *p) const {
    free_it(p);
  }
};
using CompileContext = std::unique_ptr<pcre2_compile_context, Free<pcre2_compile_context_free>>;

std::string message(int code) {
  unsigned char text[256];
  return pcre2_get_error_message(code, text, sizeof text) < 0 ? std::to_string(code)
                                                              : std::string(reinterpret_cast<char *>(text));
}

}  // namespace

Regex::Regex(std::string_view pattern, Dialect dialect) {
  if (pattern.size() > 65536) bad_argument("the pattern is longer than 64 KiB");
  require_utf8(pattern, "the pattern");
  CompileContext context(pcre2_compile_context_create(nullptr));
  if (!context) throw std::bad_alloc();
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  pcre2_set_parens_nest_limit(context.get(), 200);
#if PCRE2_MAJOR > 10 || PCRE2_MINOR >= 43
  pcre2_set_max_varlookbehind(context.get(), 0);  // 10.42, whose language this is, has no lookbehind of varying length
#endif
  try {
    compile(pattern, dialect, *context);
  } catch (Error &e) {
    e.text += "; the pattern is \"" + mrun::shortened(pattern, 100) + '"';
    throw;
  }
  pcre2_jit_compile(code_.get(), PCRE2_JIT_COMPLETE);  // where there is no JIT, the interpreter serves
  has_names_ = !names().empty();
  Budget::take(memory());
}

void Regex::compile(std::string_view pattern, Dialect dialect, pcre2_real_compile_context_8 &context) {
  Translated over = translate(pattern, dialect);
  uint32_t options = PCRE2_NEVER_BACKSLASH_C | PCRE2_ALLOW_EMPTY_CLASS;
  if (!over.alphabet || !over.alphabet->fits_bytes()) options |= PCRE2_UTF;
  if (dialect == Dialect::ruby) options |= PCRE2_MULTILINE | PCRE2_DUPNAMES;
  if (over.pattern.size() > longest_written) bad_argument("the pattern cannot be read: it is too large");
  constexpr std::string_view begin = "(?C1)(?:";  // each try of a match calls Search::ask
  const std::string whole = std::string(begin) + over.pattern + ')';
  int error = 0;
  size_t at = 0;
  code_.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(whole.data()), whole.size(), options, &error, &at, &context));
  if (!code_) {
    const bool at_end = at >= begin.size() + over.pattern.size();
    const size_t place = at < begin.size() ? 0 : at_end ? pattern.size() : over.source(at - begin.size());
    bad_argument("the pattern cannot be read: " + message(error) + ", at byte " + std::to_string(place));
  }
  alphabet_ = std::move(over.alphabet);
}

size_t Regex::memory() const {
  size_t code = 0, compiled = 0;
  pcre2_pattern_info(code_.get(), PCRE2_INFO_SIZE, &code);
  pcre2_pattern_info(code_.get(), PCRE2_INFO_JITSIZE, &compiled);
  return sizeof *this + code + compiled + (alphabet_ ? alphabet_->memory() : 0);
}

void Regex::FreeCode::operator()(pcre2_real_code_8 *code) const { pcre2_code_free(code); }

std::shared_ptr<const Regex::Letters> Regex::spell(std::string_view s) const {
  auto out = std::make_shared<Letters>();
  if (s.size() >= no_match) bad_input("the text is longer than 4 GiB");
  if (alphabet_) alphabet_->spell(s, out->letters, out->places);
  return out;
}

Regex::Search::Search(const Regex &regex, std::string_view s, std::shared_ptr<const Letters> letters)
    : regex_(regex),
      s_(s),
      in_letters_(std::move(letters)),
      data_(pcre2_match_data_create_from_pattern(regex.code_.get(), nullptr)),
      context_(pcre2_match_context_create(nullptr)) {
  if (!data_ || !context_) {
    pcre2_match_data_free(data_);
    pcre2_match_context_free(context_);
    throw std::bad_alloc();
  }
  pcre2_set_match_limit(context_, step_limit);
  pcre2_set_heap_limit(context_, heap_limit_kib);
  auto ask = [](pcre2_callout_block *, void *self) {
    static_cast<Search *>(self)->ask();
    return static_cast<Search *>(self)->stopped_ ? PCRE2_ERROR_CALLOUT : 0;
  };
  pcre2_set_callout(context_, ask, this);
}

// The limits are those of one try, so all tries of a search may take as many times longer as the text has characters.
void Regex::Search::ask() noexcept {
  constexpr unsigned weight = 8;
  try {
    Polling::now(weight);
  } catch (...) { stopped_ = std::current_exception(); }
}

size_t Regex::Search::letter_at(size_t place) const {
  const std::vector<uint32_t> &places = in_letters_->places;
  if (places.empty()) return place;
  return size_t(std::lower_bound(places.begin(), places.end(), place) - places.begin());
}

Regex::Search::~Search() {
  pcre2_match_data_free(data_);
  pcre2_match_context_free(context_);
  pcre2_jit_stack_free(stack_);
}

int Regex::Search::match(size_t from, uint32_t options) {
  const std::string_view text = regex_.alphabet_ ? std::string_view(in_letters_->letters) : s_;
  return pcre2_match(regex_.code_.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), letter_at(from),
                     PCRE2_NO_UTF_CHECK | options, data_, context_);
}

bool Regex::Search::grow_stack() {
  constexpr size_t first = size_t(256) << 10;
  if (stack_) return false;
  stack_ = pcre2_jit_stack_create(first, size_t(heap_limit_kib) << 10, nullptr);
  if (!stack_) throw std::bad_alloc();
  pcre2_jit_stack_assign(context_, nullptr, stack_);
  return true;
}

bool Regex::Search::look(size_t from, uint32_t options, std::vector<Span> &groups) {
  int found = match(from, options);
  if (found == PCRE2_ERROR_JIT_STACKLIMIT && grow_stack()) found = match(from, options);
  if (found == PCRE2_ERROR_NOMATCH) return false;
  if (stopped_) std::rethrow_exception(stopped_);
  if (found < 0) bad_input("the pattern takes too long on this text: " + message(found));
  const size_t *ovector = pcre2_get_ovector_pointer(data_);
  groups.assign(pcre2_get_ovector_count(data_), Span{no_match, no_match});
  for (size_t i = 0; i < size_t(found); ++i)
    if (ovector[2 * i] != PCRE2_UNSET) groups[i] = {place_of(ovector[2 * i]), place_of(ovector[2 * i + 1])};
  // A \K that a look-around calls may stand on either side of the match.
  groups[0].begin = std::min(std::max(groups[0].begin, uint32_t(from)), groups[0].end);
  return true;
}

bool Regex::Search::next(std::vector<Span> &groups) {
  if (next_ > s_.size()) return false;
  if (!look(next_, empty_before_ ? PCRE2_NOTEMPTY_ATSTART : 0, groups)) return false;
  const Span match = groups[0];
  if (empty_before_ && match.end == next_) {  // empty for its \K alone, which PCRE2 does not call empty
    next_ = after(s_, match);
    empty_before_ = false;
    return next(groups);
  }
  next_ = match.end;
  empty_before_ = match.begin == match.end;
  return true;
}

size_t Regex::after(std::string_view s, Span match) {
  if (match.end > match.begin) return match.end;
  return match.end < s.size() ? match.end + utf8_width(static_cast<unsigned char>(s[match.end])) : s.size() + 1;
}

bool Regex::matches_empty() const {
  uint32_t empty = 0;
  pcre2_pattern_info(code_.get(), PCRE2_INFO_MATCHEMPTY, &empty);
  return empty != 0;
}

int Regex::groups() const {
  uint32_t count = 0;
  pcre2_pattern_info(code_.get(), PCRE2_INFO_CAPTURECOUNT, &count);
  return int(count);
}

std::vector<std::pair<std::string, int>> Regex::names() const {
  uint32_t count = 0, size = 0;
  PCRE2_SPTR table = nullptr;
  pcre2_pattern_info(code_.get(), PCRE2_INFO_NAMECOUNT, &count);
  pcre2_pattern_info(code_.get(), PCRE2_INFO_NAMEENTRYSIZE, &size);
  pcre2_pattern_info(code_.get(), PCRE2_INFO_NAMETABLE, &table);
  std::vector<std::pair<std::string, int>> out;
  for (uint32_t i = 0; i < count; ++i, table += size)
    out.emplace_back(reinterpret_cast<const char *>(table + 2), table[0] << 8 | table[1]);
  return out;
}

}  // namespace text
