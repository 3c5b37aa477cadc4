// Classes in brackets as PCRE2 reads them. A hyphen beside a class inside a class is nearly always a mistake, and an error.
#include "reader.h"
#include "unicode/cases.h"

namespace text {

using unicode::CodeSet;

namespace {

class PcreClass {
 public:
  PcreClass(PatternReader &p, bool any_case, bool spaces) : p_(p), any_case_(any_case), spaces_(spaces) {}

  CodeSet run() {
    p_.skip(1);
    const bool negated = begin();
    do item();  // a bracket that closes is a character where it comes first
    while (!at_end());
    if (last_ == Last::hyphen) characters_.add({'-', '-' + 1});
    const CodeSet characters = characters_.take();
    const CodeSet set = (any_case_ ? unicode::any_case(characters) : characters) | classes_.take();
    return negated ? ~set : set;
  }

 private:
  enum class Last {
    other,
    character,
    hyphen
  };  // what came last: a character may begin a range, behind a hyphen it ends

  bool begin() {
    for (bool negated = false;;) {
      if (p_.take("\\Q\\E") || p_.take("\\E") || space()) continue;
      if (negated || !p_.take("^")) return negated;
      negated = true;
    }
  }
  bool at_end() {
    if (p_.done()) bad_pattern("a class without an end");
    return !quoted_ && p_.take("]");
  }
  bool space() { return spaces_ && (p_.take(" ") || p_.take("\t")); }

  void item() {
    if (p_.done()) bad_pattern("a class without an end");
    if (p_.take("\\E")) {
      quoted_ = false;
    } else if (quoted_) {
      character(p_.next());
    } else if (p_.take("\\Q")) {
      quoted_ = true;
    } else if (space() || posix()) {
      return;
    } else if (last_ == Last::character && p_.take("-")) {
      last_ = Last::hyphen;
    } else if (p_.peek() == '\\') {
      escape();
    } else {
      character(p_.next());
    }
  }

  void character(char32_t c) {
    if (last_ != Last::hyphen) {
      characters_.add({c, c + 1});
      low_ = c;
      last_ = Last::character;
      return;
    }
    if (c < low_) bad_pattern("a range out of order in a class, at byte " + std::to_string(p_.at()));
    characters_.add({low_, c + 1});
    last_ = Last::other;
  }

  void escape() {
    const char letter = p_.peek(1);
    if (letter == '8' || letter == '9' || letter == 'g') {  // no references here
      p_.skip(1);
      return character(p_.next());
    }
    const auto meaning = p_.escape(true);
    if (!meaning) bad_pattern(std::string("\\") + letter + " in a class, at byte " + std::to_string(p_.at()));
    if (std::holds_alternative<char32_t>(*meaning)) return character(std::get<char32_t>(*meaning));
    inner_class(std::get<CodeSet>(*meaning));
  }

  void inner_class(const CodeSet &s) {
    const std::string_view rest = p_.rest();
    const bool begins = rest.size() > 1 && rest[0] == '-' && rest[1] != ']';
    if (begins || last_ == Last::hyphen) {
      bad_pattern(std::string("a range that ") + (begins ? "begins" : "ends") + " with a class, at byte " +
                  std::to_string(p_.at()) + "; a hyphen that is meant is \\-");
    }
    classes_.add(s);
    last_ = Last::other;
  }

  bool posix() {
    const size_t end = p_.posix_end();
    if (end == std::string_view::npos) return false;
    std::string_view name = p_.ahead(end).substr(2);
    if (p_.peek(1) != ':') bad_pattern("[" + std::string(1, p_.peek(1)) + " in a class is not supported");
    const bool negated = !name.empty() && name[0] == '^';
    if (negated) name.remove_prefix(1);
    const auto set = posix_set(name, p_.dialect());
    if (!set) bad_pattern("no class is called [:" + std::string(name) + ":]");
    p_.skip(end + 2);
    inner_class(negated ? ~*set : *set);
    return true;
  }

  PatternReader &p_;
  bool any_case_, spaces_, quoted_ = false;
  Last last_ = Last::other;
  char32_t low_ = 0;
  unicode::CodeSetBuilder characters_, classes_;  // whose case counts not where any_case_, and always
};

}  // namespace

CodeSet read_pcre_class(PatternReader &p, bool any_case, bool spaces) { return PcreClass(p, any_case, spaces).run(); }

}  // namespace text
