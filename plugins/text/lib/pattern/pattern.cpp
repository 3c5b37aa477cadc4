#include "pattern.h"

#include <algorithm>

#include "error.h"
#include "reader.h"
#include "unicode/cases.h"
#include "unicode/data.h"
#include "unicode/kept.h"
#include "utf8.h"

namespace text {

using unicode::CodeSet;

namespace {

// A class by ranges of characters, for patterns that have no alphabet.
std::string write_characters(const CodeSet &set) {
  if (set == CodeSet::all()) return "[^]";
  std::string out;
  auto put = [&](char32_t c) {
    char text[16];
    out.append(text, size_t(snprintf(text, sizeof text, "\\x{%x}", unsigned(c))));
  };
  // The gap of the surrogates is in no text, and PCRE2 takes no escape of one.
  for (const unicode::Range &r : (set - CodeSet{{0xd800, 0xe000}}).ranges()) {
    put(r.first);
    if (r.end - r.first > 1) {
      out += '-';
      put(r.end - 1);
    }
  }
  return '[' + out + ']';
}

struct Flags {
  bool any_case = false, dot_all = false, extended = false, more_extended = false;
  int closes = 1;  // how many groups its end closes
};

class Translator {
 public:
  Translator(std::string_view pattern, Dialect dialect) : p_(pattern, dialect) {}

  Translated run() {
    while (!p_.done()) {
      const size_t before = first_ = pieces_.size();
      pieces_.push_back({"", no_set, p_.at()});
      if (p_.ruby() && repeat()) continue;
      step();
      if (pieces_.size() == before + 1) continue;  // white space, a comment
      item_ = first_;
      repeated_ = '\0';
    }
    while (flags_.closes-- > 1) text(")");
    return write();
  }

 private:
  static constexpr size_t no_set = SIZE_MAX;
  struct Piece {
    std::string text;
    size_t set;  // number in sets_; else the text
    size_t from;
  };

  void text(std::string_view s) { pieces_.push_back({std::string(s), no_set, p_.at()}); }
  void set(const CodeSet &s) { pieces_.push_back({"", sets_.add(s), p_.at()}); }
  void literal(char32_t c) { set(flags_.any_case ? unicode::any_case(CodeSet::one(c)) : CodeSet::one(c)); }

  void step() {
    const char c = p_.peek();
    if (flags_.extended && extended_space()) return;
    if (c == '\\') return escape();
    if (c == '[') return bracket();
    if (c == '(') return open();
    if (c == ')') return close();
    if (c == '{') return brace();
    if (std::string_view("^$|?*+").find(c) != std::string_view::npos) {
      text(p_.ahead(1));
      return p_.skip(1);
    }
    if (c == '.') {
      p_.skip(1);
      return set(flags_.dot_all ? CodeSet::all() : ~CodeSet::one('\n'));
    }
    literal(p_.next());
  }

  bool extended_space() {
    if (p_.take("#")) {
      while (!p_.done() && p_.next() != '\n') {}
      return true;
    }
    size_t width = 0;
    const std::string_view rest = p_.rest();
    static const CodeSet &space = *unicode::kept<CodeSet>(*unicode::binary_property("patternwhitespace"));
    if (!space.contains(utf8_next(rest, width))) return false;
    p_.skip(width);
    return true;
  }

  // ---- escapes

  void escape() {
    if (!p_.ruby()) {
      if (p_.take("\\E")) return;
      if (p_.take("\\Q")) return quoted();
    }
    if (p_.take("\\b")) return boundary(true);
    if (p_.take("\\B")) return boundary(false);
    if (p_.take("\\R")) return line_end();
    if (p_.take("\\X")) return cluster();
    if (p_.sees("\\N") && (p_.ruby() || p_.peek(2) != '{' || count_at(2) > 0)) {
      p_.skip(2);
      return set(~CodeSet::one('\n'));
    }
    if (p_.ruby() && p_.take("\\O")) return set(CodeSet::all());
    if (const auto meaning = p_.escape(false, groups_)) {
      if (std::holds_alternative<char32_t>(*meaning)) return literal(std::get<char32_t>(*meaning));
      return set(std::get<CodeSet>(*meaning));
    }
    other_escape();
  }

  void quoted() {
    while (!p_.done() && !p_.take("\\E")) literal(p_.next());
  }

  // What is left to PCRE2: references, positions, mistakes.
  void other_escape() {
    const char c = p_.peek(1);
    if (c >= '0' && c <= '9') {
      size_t n = 1;
      while (p_.peek(n) >= '0' && p_.peek(n) <= '9') ++n;
      return reference(p_.ahead(n), n);
    }
    if (c == 'g' || c == 'k') {
      const char bracket = p_.peek(2);
      const char end = bracket == '{' ? '}' : bracket == '<' ? '>' : bracket == '\'' ? '\'' : '\0';
      size_t n = 2;
      if (end) {
        const size_t found = p_.rest().find(end, 3);
        if (found == std::string_view::npos) bad_pattern("\\" + std::string(1, c) + " without an end");
        n = found + 1;
      } else if (c == 'g') {
        while (p_.peek(n) == '-' || p_.peek(n) == '+' || (p_.peek(n) >= '0' && p_.peek(n) <= '9')) ++n;
      }
      const bool call = c == 'g' && (bracket == '<' || bracket == '\'');
      const bool number = std::string_view("-0123456789").find(p_.peek(3)) != std::string_view::npos;
      if (c == 'k' && end && number && p_.ruby())
        return reference("\\g{" + std::string(p_.ahead(n - 1).substr(3)) + '}', n);
      if (!call) return reference(p_.ahead(n), n);
      text(p_.ahead(n));
      return p_.skip(n);
    }
    if (p_.ruby() && std::string_view("CMYy").find(c) != std::string_view::npos)
      bad_pattern("\\" + std::string(1, c) + " is not supported, at byte " + std::to_string(p_.at()));
    if (c == 'N') bad_pattern("\\N{name} is not supported, at byte " + std::to_string(p_.at()));
    text(p_.ahead(2));
    p_.skip(2);
  }

  // A text that must come again, as it was.
  void reference(std::string_view s, size_t bytes) {
    over_characters_ = true;
    text(flags_.any_case ? "(?i:" + std::string(s) + ')' : std::string(s));
    p_.skip(bytes);
  }

  void boundary(bool wanted) {
    const CodeSet word = bare_word_set(p_.dialect());
    auto look = [&](const char *way) {
      text(way);
      set(word);
      text(")");
    };
    text("(?:");
    look("(?<=");
    look(wanted ? "(?!" : "(?=");
    text("|");
    look("(?<!");
    look(wanted ? "(?=" : "(?!");
    text(")(?-i)");  // behind a setting PCRE2 refuses what repeats, as behind its own \\b
  }

  void line_end() {
    text("(?>");
    set(CodeSet::one('\r'));
    set(CodeSet::one('\n'));
    text("|");
    set(vertical_set());
    text(")");
  }

  // An extended grapheme cluster, as UAX 29 writes it.
  void cluster() {
    using unicode::Cluster;
    using unicode::cluster_set;
    using unicode::Conjunct;
    const CodeSet control = cluster_set(Cluster::control) | CodeSet::one('\r') | CodeSet::one('\n');
    const CodeSet extend = cluster_set(Cluster::extend), zwj = cluster_set(Cluster::zwj),
                  regional = cluster_set(Cluster::regional);
    const CodeSet picture = *unicode::binary_property("extendedpictographic");
    const CodeSet l = cluster_set(Cluster::l), v = cluster_set(Cluster::v), t = cluster_set(Cluster::t);
    const CodeSet consonant = unicode::conjunct_set(Conjunct::consonant),
                  linker = unicode::conjunct_set(Conjunct::linker);
    const CodeSet extends = linker | unicode::conjunct_set(Conjunct::extend), prepend = cluster_set(Cluster::prepend);
    auto put = [&](std::initializer_list<std::variant<const char *, CodeSet>> parts) {
      for (const auto &part : parts)
        if (std::holds_alternative<CodeSet>(part)) {
          set(std::get<CodeSet>(part));
        } else {
          text(std::get<const char *>(part));
        }
    };
    put({"(?>(?-U)", CodeSet::one('\r'), CodeSet::one('\n'), "|", control, "|", prepend, "*(?:"});
    put({l, "*(?:", v, "+|", cluster_set(Cluster::lv), v, "*|", cluster_set(Cluster::lvt), ")", t, "*|", l, "+|", t,
         "+|"});
    put({regional, regional, "|", picture, "(?:", extend, "*", zwj, picture, ")*|"});
    put({consonant, "(?:", extends - linker, "*", linker, extends, "*", consonant, ")+|", ~control, ")"});
    put({extend | zwj | cluster_set(Cluster::spacing), "*|", prepend, "+", extend | zwj | cluster_set(Cluster::spacing),
         "*)"});
  }

  // ---- classes, counts

  void bracket() {
    if (!p_.ruby() && p_.posix_end() != std::string_view::npos)
      bad_pattern("a class [:name:] that stands in no class, at byte " + std::to_string(p_.at()));
    if (!p_.ruby() && (p_.sees("[[:<:]]") || p_.sees("[[:>:]]"))) {
      const bool begin = p_.peek(3) == '<';
      p_.skip(7);
      boundary(true);
      text(begin ? "(?=" : "(?<=");
      set(bare_word_set(p_.dialect()));
      return text(")");
    }
    set(read_class(p_, flags_.any_case, flags_.more_extended));
  }

  // The bytes of {2}, {2,}, {2,5}, Ruby's {,5} there; 0 where a brace is only a brace.
  size_t count_at(size_t brace) const {
    size_t n = brace + 1, digits = 0, commas = 0;
    for (; (p_.peek(n) >= '0' && p_.peek(n) <= '9') || p_.peek(n) == ','; ++n) (p_.peek(n) == ',' ? commas : digits)++;
    const bool open_start = p_.peek(brace + 1) == ',';
    const bool count = p_.peek(n) == '}' && digits > 0 && commas < 2 && (!open_start || p_.ruby());
    return count ? n + 1 - brace : 0;
  }

  void brace() {
    const size_t bytes = count_at(0);
    if (bytes == 0) return literal(p_.next());
    text(p_.ahead(bytes));
    p_.skip(bytes);
  }

  // What a count without a suffix means: '*', '+', '?', or 'x' for another.
  static char kind_of(std::string_view count) {
    if (count == "{0,}") return '*';
    if (count == "{1,}") return '+';
    if (count == "{0,1}" || count == "{,1}") return '?';
    return count.size() == 1 ? count[0] : 'x';
  }

  // Ruby's ways to repeat, where they differ: what repeats may be repeated (a+*), which {2}+ and {2}? are, too.
  bool repeat() {
    const bool sign = !p_.done() && std::string_view("*+?").find(p_.peek()) != std::string_view::npos;
    const size_t bytes = sign ? 1 : p_.peek() == '{' ? count_at(0) : 0;
    if (bytes == 0) return false;
    const std::string_view given = p_.ahead(bytes);
    const char next = p_.peek(bytes);
    const bool suffix = sign ? next == '?' || next == '+' : next == '?' && given.find(',') != std::string_view::npos;
    const char kind = suffix ? 'x' : kind_of(given);
    if (repeated_ != '\0' && repeated_ != 'x' && kind != 'x') {  // (?:a+)* would cost the square, and more
      repeated_ = repeated_ == kind ? kind : '*';
      pieces_[repeat_].text = repeated_;
      p_.skip(bytes);
      return true;
    }
    if (repeated_ != '\0') enclose();
    repeated_ = kind;
    repeat_ = pieces_.size();
    text(given.substr(0, 2) == "{," ? "{0" + std::string(given.substr(1)) : std::string(given));
    p_.skip(bytes);
    if (suffix) {
      text(p_.ahead(1));
      p_.skip(1);
    }
    return true;
  }

  void enclose() {
    pieces_[item_].text.insert(0, "(?:");
    text(")");
  }

  // ---- groups

  void push(const Flags &outer) {
    outer_.push_back(outer);
    begins_.push_back(first_);
    flags_.closes = 1;
  }

  void open_with(size_t bytes) {
    text(p_.ahead(bytes));
    p_.skip(bytes);
    push(flags_);
  }

  void close() {
    p_.skip(1);
    while (flags_.closes-- > 0) text(")");
    if (outer_.empty())
      bad_pattern("a closing parenthesis without an opening one, at byte " + std::to_string(p_.at() - 1));
    flags_ = outer_.back();
    outer_.pop_back();
    first_ = begins_.back();
    begins_.pop_back();
  }

  void open() {
    if (p_.sees("(*")) return verb();
    if (!p_.sees("(?")) {
      ++groups_;
      return open_with(1);
    }
    for (const std::string_view look : {"(?:", "(?=", "(?!", "(?>", "(?|", "(?<=", "(?<!", "(?*", "(?<*"})
      if (p_.sees(look)) return open_with(look.size());
    if (p_.take("(?#")) {
      p_.until(")", "a comment");
      return;
    }
    if (p_.sees("(?C")) bad_pattern("(?C is not supported");
    if (p_.sees("(?(")) return condition();
    if (name()) return;
    const char c = p_.peek(2), d = p_.peek(3);
    const bool digit = (c >= '0' && c <= '9') || ((c == '+' || c == '-') && d >= '0' && d <= '9');
    if (digit || c == 'R' || c == '&' || p_.sees("(?P>")) return verbatim(p_.rest().find(')'));
    if (p_.sees("(?P=")) return reference(p_.ahead(p_.rest().find(')') + 1), p_.rest().find(')') + 1);
    flags();
  }

  void verbatim(size_t last) {
    if (last == std::string_view::npos) bad_pattern("a group without an end");
    text(p_.ahead(last + 1));
    p_.skip(last + 1);
  }

  // (?<name>, (?P<name>, (?'name'.
  bool name() {
    const size_t at = p_.sees("(?P<") ? 3 : 2;
    const char end = p_.peek(at) == '<' ? '>' : p_.peek(at) == '\'' ? '\'' : '\0';
    if (!end) return false;
    const size_t last = p_.rest().find(end, at + 1);
    if (last == std::string_view::npos) bad_pattern("the name of a group without an end");
    ++groups_;
    open_with(last + 1);
    return true;
  }

  // (?(1)…), (?(<name>)…), (?(?=…)…).
  void condition() {
    if (p_.sees("(?(?") || p_.sees("(?(*")) return open_with(2);
    const size_t last = p_.rest().find(')');
    if (last == std::string_view::npos) bad_pattern("a condition without an end");
    open_with(last + 1);
  }

  // Verbs that steer the search, and PCRE2's names for looking around. Those that set options or limits, which stand at
  // the start, would undo what bounds a match.
  void verb() {
    static constexpr std::string_view steering[] = {"ACCEPT", "F",    "FAIL", "COMMIT", "PRUNE",
                                                    "SKIP",   "THEN", "MARK", ""};
    static constexpr std::string_view looking[] = {"pla",   "positive_lookahead",
                                                   "nla",   "negative_lookahead",
                                                   "plb",   "positive_lookbehind",
                                                   "nlb",   "negative_lookbehind",
                                                   "napla", "non_atomic_positive_lookahead",
                                                   "naplb", "non_atomic_positive_lookbehind",
                                                   "atomic"};
    const std::string_view rest = p_.rest();
    const size_t end = std::min(rest.find_first_of(":)", 2), rest.size());
    const std::string_view called = rest.substr(2, end - 2);
    const bool colon = end < rest.size() && rest[end] == ':';
    if (colon && std::count(std::begin(looking), std::end(looking), called)) return open_with(end + 1);
    if (std::count(std::begin(steering), std::end(steering), called)) return verbatim(rest.find(')'));
    bad_pattern("the verb (*" + std::string(called) + ") is not supported");
  }

  // The letters of (?i), (?i-s:…), (?^i) and the like. Case, dots and white space are settled here; what is left is PCRE2's.
  std::string letters() {
    std::string on, off;
    const bool reset = !p_.ruby() && p_.take("^");
    if (reset) {
      flags_.any_case = flags_.dot_all = flags_.extended = flags_.more_extended = false;
      off = "mn";
    }
    bool setting = true;
    for (; !p_.done() && p_.peek() != ')' && p_.peek() != ':'; p_.skip(1)) {
      const char c = p_.peek();
      if (c == '-' && setting && !reset) {
        setting = false;
      } else if (!flag(c, setting)) {
        if (p_.ruby() || std::string_view("mnJU").find(c) == std::string_view::npos)
          bad_pattern(std::string("(?") + c + " is not supported, at byte " + std::to_string(p_.at()));
        (setting ? on : off) += c;
        if (reset) off.erase(std::remove(off.begin(), off.end(), c), off.end());
      }
    }
    return off.empty() ? on : on + '-' + off;
  }

  void flags() {
    p_.skip(2);
    const Flags before = flags_;
    const std::string left = letters();
    if (p_.done()) bad_pattern("a group without an end");
    const bool group = p_.peek() == ':';
    p_.skip(1);
    if (group || p_.ruby()) {  // Ruby's (?i) makes a group up to the end of that around it
      text("(?" + left + ':');
      if (group) {
        push(before);
      } else {
        ++flags_.closes;
      }
    } else {
      text("(?" + left + ')');  // empty ones, too: nothing repeats them
    }
  }

  bool flag(char c, bool on) {
    if (c == 'i') {
      flags_.any_case = on;
    } else if (c == (p_.ruby() ? 'm' : 's')) {
      flags_.dot_all = on;
    } else if (c == 'x') {
      flags_.more_extended = on && !p_.ruby() && p_.peek(1) == 'x';
      if (flags_.more_extended) p_.skip(1);
      flags_.extended = on;
    } else {
      return false;
    }
    return true;
  }

  Translated write() {
    Translated out;
    if (!over_characters_) out.alphabet.emplace(sets_);
    std::vector<std::string> written;
    for (const CodeSet *s : sets_.sets())
      written.push_back(out.alphabet ? out.alphabet->write(*s) : write_characters(*s));
    for (const Piece &piece : pieces_) {
      out.places.emplace_back(out.pattern.size(), piece.from);
      out.pattern += piece.set == no_set ? piece.text : written[piece.set];
    }
    return out;
  }

  PatternReader p_;
  std::vector<Piece> pieces_;
  SetTable sets_;
  Flags flags_;
  std::vector<Flags> outer_;  // of the groups around
  // Pieces, each an empty one, where the step, the groups around and the item that can be repeated begin.
  size_t first_ = 0;
  std::vector<size_t> begins_;
  size_t item_ = 0, repeat_ = 0;  // repeat_: where the count behind the item lies, which is of the kind repeated_
  char repeated_ = '\0';
  int groups_ = 0;
  bool over_characters_ = false;
};

}  // namespace

size_t Translated::source(size_t at) const {
  auto after = std::upper_bound(places.begin(), places.end(), at, [](size_t x, const auto &p) { return x < p.first; });
  return after == places.begin() ? 0 : std::prev(after)->second;
}

Translated translate(std::string_view pattern, Dialect dialect) { return Translator(pattern, dialect).run(); }

}  // namespace text
