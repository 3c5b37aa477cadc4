#include "reader.h"

#include <algorithm>

#include "error.h"
#include "unicode/cases.h"
#include "utf8.h"

namespace text {

using unicode::CodeSet;

void bad_pattern(const std::string &what) { bad_argument("the pattern cannot be read: " + what); }

char32_t PatternReader::next() { return utf8_next(p_, at_); }

std::string_view PatternReader::until(std::string_view end, const char *what) {
  const size_t found = p_.find(end, at_);
  if (found == std::string_view::npos)
    bad_pattern(std::string(what) + " without an end, at byte " + std::to_string(at_));
  const std::string_view out = p_.substr(at_, found - at_);
  at_ = found + end.size();
  return out;
}

namespace {

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return 99;
}

char32_t checked(char32_t c) {
  if (c >= unicode::code_points || (c >= 0xd800 && c < 0xe000)) bad_pattern("no character has the number of an escape");
  return c;
}

}  // namespace

char32_t PatternReader::hex(size_t most) {
  char32_t c = 0;
  for (size_t n = 0; n < most && digit_of(peek()) < 16; ++n) c = c * 16 + char32_t(digit_of(p_[at_++]));
  return checked(c);
}

// {123}, in digits of the base.
char32_t PatternReader::braced(int base) {
  ++at_;
  if (peek() == '}') bad_pattern("an escape without digits, at byte " + std::to_string(at_));
  char32_t c = 0;
  for (const char digit : until("}", "an escape")) {
    if (digit_of(digit) >= base) bad_pattern("an escape with what is no digit");
    c = checked(c * char32_t(base) + char32_t(digit_of(digit)));
  }
  return c;
}

size_t PatternReader::posix_end() const {
  const char kind = peek(1);
  if (peek() != '[' || (kind != ':' && kind != '.' && kind != '=')) return std::string_view::npos;
  for (size_t i = at_ + 2; i + 1 < p_.size(); ++i) {
    if (p_[i] == kind && p_[i + 1] == ']') return i - at_;
    if (p_[i] == '\\' && (p_[i + 1] == ']' || p_[i + 1] == '\\')) {
      ++i;
    } else if (p_[i] == ']' || (p_[i] == '[' && p_[i + 1] == kind)) {
      break;
    }
  }
  return std::string_view::npos;
}

// \0, \012 and, where there are not so many groups, \12.
std::optional<char32_t> PatternReader::octal(bool in_class, int groups) {
  const int first = digit_of(peek(1)), second = digit_of(peek(2));
  if (first > 7) return std::nullopt;
  if (first > 0 && !in_class && (second > 9 || first * 10 + second <= groups)) return std::nullopt;
  ++at_;
  char32_t c = 0;
  for (int n = 0; n < 3 && digit_of(peek()) < 8; ++n) c = c * 8 + char32_t(digit_of(p_[at_++]));
  return checked(c);
}

// \pL, \p{L}, \p{^L}.
PatternReader::Meaning PatternReader::property(bool negated) {
  std::string_view name;
  if (take("{")) {
    name = until("}", "a property");
  } else if (!done()) {
    name = p_.substr(at_++, 1);
  }
  if (!name.empty() && name[0] == '^') {
    negated = !negated;
    name.remove_prefix(1);
  }
  const auto set = property_set(name, dialect_);
  if (!set) bad_pattern("no property is called \"" + std::string(name) + "\", at byte " + std::to_string(at_));
  return negated ? ~*set : *set;
}

std::optional<PatternReader::Meaning> PatternReader::letter_escape(char letter, bool in_class) {
  auto set = [&](CodeSet s, bool negated) { return Meaning(negated ? ~s : s); };
  switch (letter) {
    case 'w':
    case 'W': return set(in_class ? word_set(dialect_) : bare_word_set(dialect_), letter == 'W');
    case 's':
    case 'S': return set(space_set(dialect_), letter == 'S');
    case 'd':
    case 'D': return set(digit_set(), letter == 'D');
    case 'h':
    case 'H': return set(ruby() ? hex_set() : horizontal_set(), letter == 'H');
    case 'v':
      if (ruby()) return U'\v';
      return vertical_set();
    case 'V':
      if (ruby()) return std::nullopt;
      return ~vertical_set();
    case 'a': return U'\a';
    case 'e': return U'\x1b';
    case 'f': return U'\f';
    case 'n': return U'\n';
    case 'r': return U'\r';
    case 't': return U'\t';
    case 'b':
      if (in_class) return U'\b';
      return std::nullopt;
    default: return std::nullopt;
  }
}

std::optional<PatternReader::Meaning> PatternReader::escape(bool in_class, int groups) {
  const char letter = peek(1);
  if (at_ + 1 >= p_.size()) bad_pattern("\\ at the end");
  if (letter >= '0' && letter <= '9') {
    if (auto c = octal(in_class, groups)) return *c;
    return std::nullopt;
  }
  if (const auto meaning = letter_escape(letter, in_class)) {
    at_ += 2;
    return meaning;
  }
  if ((letter == 'p' || letter == 'P') && (!ruby() || peek(2) == '{')) {  // Ruby's \p without a brace is a p
    at_ += 2;
    return property(letter == 'P');
  }
  if (letter == 'x') {
    at_ += 2;
    return peek() == '{' ? braced(16) : hex(2);
  }
  if (letter == 'o' && peek(2) == '{') {
    at_ += 2;
    return braced(8);
  }
  if (letter == 'u' && ruby()) {
    at_ += 2;
    return hex(4);
  }
  if (letter == 'N' && sees("\\N{U+")) {
    at_ += 4;
    return braced(16);
  }
  if (letter == 'c' && at_ + 2 < p_.size()) {
    at_ += 3;
    const char c = p_[at_ - 1];
    if (!ruby() && (c < 32 || c > 126))
      bad_pattern("\\c before what is no sign of ASCII, at byte " + std::to_string(at_));
    return char32_t(static_cast<unsigned char>(c >= 'a' && c <= 'z' ? c - 32 : c) ^ 64);
  }
  const bool is_letter = (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z');
  constexpr std::string_view of_ruby = "ABCGKMRXYZbgkyz";  // what other letters mean there is themselves
  if (is_letter && (!ruby() || of_ruby.find(letter) != of_ruby.npos)) return std::nullopt;
  ++at_;
  return next();
}

namespace {

class RubyClass {
 public:
  RubyClass(PatternReader &p, bool any_case, int depth = 0) : p_(p), any_case_(any_case), depth_(depth) {}

  CodeSet run() {
    constexpr int most = 200;  // as many as groups; the stack has an end
    if (depth_ >= most)
      bad_pattern("classes in classes more than " + std::to_string(most) + " deep, at byte " + std::to_string(p_.at()));
    p_.skip(1);
    const bool negated = p_.take("^");
    CodeSet left = CodeSet::all();
    read_items(true);
    while (p_.take("&&")) {
      left = left & set_.take();
      read_items(false);
    }
    if (!p_.take("]")) bad_pattern("a class without an end");
    CodeSet out = left & set_.take();
    // Of all that the class comes to, as in Oniguruma: (?i)[a-z&&[^b]] has no B.
    if (any_case_) out = unicode::any_case(out);
    return negated ? ~out : out;
  }

 private:
  // `first`: a bracket that closes is a character where it comes first.
  void read_items(bool first) {
    for (; !p_.done(); first = false) {
      if (p_.peek() == ']' && !first) return;
      if (p_.sees("&&")) return;
      read_item();
    }
  }
  void read_item() {
    if (p_.sees("[:") && posix()) return after_class();
    if (p_.peek() == '[') {
      set_.add(RubyClass(p_, false, depth_ + 1).run());
      if (p_.peek() == '-') add(p_.next());  // no range begins with a class
      return;
    }
    const auto low = member();
    if (!std::holds_alternative<char32_t>(low)) {
      set_.add(std::get<CodeSet>(low));
      return after_class();
    }
    range(std::get<char32_t>(low));
  }
  // Whether a hyphen stands here that could make a range: not where the class or its part ends behind it.
  bool at_range() const {
    const std::string_view rest = p_.rest();
    return rest.size() > 1 && rest[0] == '-' && rest[1] != ']' && rest.substr(1, 2) != "&&";
  }
  void after_class() {
    if (at_range()) bad_pattern("a range that begins with a class, at byte " + std::to_string(p_.at()));
  }
  // A character, or the range that it begins.
  void range(char32_t low) {
    if (!at_range()) return add(low);
    p_.skip(1);
    if (p_.peek() == '[') {
      if (p_.sees("[:") && posix()) class_ends_range();
      return;  // Oniguruma forgets both the character and the hyphen
    }
    const auto high = member();
    if (!std::holds_alternative<char32_t>(high)) class_ends_range();
    if (std::get<char32_t>(high) < low)
      bad_pattern("a range out of order in a class, at byte " + std::to_string(p_.at()));
    set_.add({low, std::get<char32_t>(high) + 1});
  }
  [[noreturn]] void class_ends_range() {
    bad_pattern("a range that ends with a class, at byte " + std::to_string(p_.at()));
  }
  PatternReader::Meaning member() {
    if (p_.done()) bad_pattern("a class without an end");
    if (p_.peek() != '\\') return p_.next();
    if (auto meaning = p_.escape(true)) return *meaning;
    p_.skip(1);
    return p_.next();
  }
  bool posix() {
    const std::string_view rest = p_.rest();
    const size_t end = rest.find(":]");
    if (end == std::string_view::npos) return false;
    std::string_view name = rest.substr(2, end - 2);
    const bool negated = !name.empty() && name[0] == '^';
    if (negated) name.remove_prefix(1);
    auto letter = [](char c) { return c >= 'a' && c <= 'z'; };
    if (name.empty() || !std::all_of(name.begin(), name.end(), letter)) return false;
    const auto set = posix_set(name, p_.dialect());
    if (!set) bad_pattern("no class is called [:" + std::string(name) + ":]");
    p_.skip(end + 2);
    set_.add(negated ? ~*set : *set);
    return true;
  }
  void add(char32_t c) { set_.add({c, c + 1}); }
  PatternReader &p_;
  bool any_case_;
  int depth_;
  unicode::CodeSetBuilder set_;
};

}  // namespace

CodeSet read_class(PatternReader &p, bool any_case, bool spaces) {
  return p.ruby() ? RubyClass(p, any_case).run() : read_pcre_class(p, any_case, spaces);
}

}  // namespace text
