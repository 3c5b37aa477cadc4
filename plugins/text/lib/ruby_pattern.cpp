#include "ruby_pattern.h"

#include <utility>

#include "error.h"

namespace text {
namespace {

constexpr std::string_view word = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc})", space = R"(\p{White_Space})";

class Translation {
 public:
  explicit Translation(std::string_view pattern) : p_(pattern) {}
  std::string run() {
    while (at_ < p_.size()) {
      if (p_[at_] == '\\') {
        escape(false);
      } else if (p_[at_] == '[') {
        character_class();
      } else if (p_.substr(at_, 2) == "(?") {
        flags();
      } else {
        out_ += p_[at_++];
      }
    }
    return std::move(out_);
  }

 private:
  [[noreturn]] static void refuse(const std::string &what) {
    bad_argument("the pattern cannot be read: " + what + " is not supported");
  }

  void escape(bool in_class) {
    const char c = at_ + 1 < p_.size() ? p_[at_ + 1] : '\0';
    const std::string w(word);
    at_ += 2;
    if (c == '\0') {
      out_ += '\\';  // PCRE2 says what is wrong
    } else if (c == 'w') {
      out_ += in_class ? w : '[' + w + ']';
    } else if (c == 'W') {
      if (in_class) refuse("\\W in a class");
      out_ += "[^" + w + ']';
    } else if (c == 's') {
      out_ += space;
    } else if (c == 'S') {
      out_ += R"(\P{White_Space})";
    } else if (c == 'h') {
      out_ += R"(\p{AHex})";
    } else if (c == 'H') {
      out_ += R"(\P{AHex})";
    } else if (!in_class && c == 'b') {
      out_ += "(?:(?<=[" + w + "])(?![" + w + "])|(?<![" + w + "])(?=[" + w + "]))";
    } else if (!in_class && c == 'B') {
      out_ += "(?:(?<=[" + w + "])(?=[" + w + "])|(?<![" + w + "])(?![" + w + "]))";
    } else {
      out_ += {'\\', c};
    }
  }

  // Ruby's (?m) is PCRE2's (?s).
  void flags() {
    out_ += "(?";
    for (at_ += 2; at_ < p_.size() && std::string_view("imx-").find(p_[at_]) != std::string_view::npos; ++at_)
      out_ += p_[at_] == 'm' ? 's' : p_[at_];
  }

  // A class inside a class adds its characters: they are written into the outer one.
  void character_class() {
    out_ += p_[at_++];
    if (at_ < p_.size() && p_[at_] == '^') out_ += p_[at_++];
    first_bracket();
    for (int depth = 1; depth > 0 && at_ < p_.size();) {
      if (p_[at_] == '\\') {
        escape(true);
      } else if (p_.substr(at_, 2) == "&&") {
        refuse("&& in a class");
      } else if (p_.substr(at_, 2) == "[:" && p_.find(":]", at_) != std::string_view::npos) {
        posix();
      } else if (p_[at_] == '[') {
        if (p_.substr(at_, 2) == "[^") refuse("a negated class in a class");
        if (out_.back() == '-') out_.insert(out_.size() - 1, 1, '\\');
        ++depth;
        ++at_;
        first_bracket();
      } else if (p_[at_] == ']') {
        ++at_;
        if (--depth == 0) {
          out_ += ']';
        } else if (at_ < p_.size() && p_[at_] == '-') {
          out_ += "\\-";
          ++at_;
        }
      } else {
        out_ += p_[at_++];
      }
    }
  }

  // A bracket that closes a class as its first character is a character.
  void first_bracket() {
    if (at_ >= p_.size() || p_[at_] != ']') return;
    out_ += "\\]";
    ++at_;
  }

  void posix() {
    static constexpr std::pair<std::string_view, std::string_view> known[] = {{"alpha", R"(\p{Alphabetic})"},
                                                                              {"alnum", R"(\p{Alphabetic}\p{Nd})"},
                                                                              {"word", word},
                                                                              {"space", space},
                                                                              {"upper", R"(\p{Uppercase})"},
                                                                              {"lower", R"(\p{Lowercase})"},
                                                                              {"digit", R"(\p{Nd})"},
                                                                              {"xdigit", R"(\p{AHex})"},
                                                                              {"punct", R"(\p{P}$+<=>^`|~)"}};
    const size_t end = p_.find(":]", at_);
    const std::string_view name = p_.substr(at_ + 2, end - at_ - 2);
    for (const auto &[posix_name, set] : known) {
      if (posix_name != name) continue;
      out_ += set;
      at_ = end + 2;
      return;
    }
    refuse("[:" + std::string(name) + ":]");
  }

  std::string_view p_;
  std::string out_;
  size_t at_ = 0;
};

}  // namespace

std::string from_ruby(std::string_view pattern) { return Translation(pattern).run(); }

}  // namespace text
