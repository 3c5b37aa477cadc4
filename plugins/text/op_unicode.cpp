#include <algorithm>
#include <map>
#include <memory>

#include "ops.h"
#include "polling.h"
#include "regex.h"
#include "unicode/cases.h"
#include "unicode/data.h"
#include "unicode/graphemes.h"
#include "unicode/normalize.h"
#include "utf8.h"

template <>
struct mrun::type_of<text::Regex> {
  static inline const mrun_type info{
      sizeof(mrun_type),
      MRUN_TYPE_SHAREABLE,
      "text.Regex",
      "A regular expression, made by text.regex.",
      [](void *self) { delete static_cast<text::Regex *>(self); },
      nullptr,
  };
};

namespace text {
namespace {

using unicode::Form;

template <Form form>
std::string form_of(const mrun::call &c, std::string_view s) {
  const Polling polling(mrun::asking(c));
  constexpr bool compatible = form == Form::nfkc || form == Form::nfkd;
  admit(c, s, compatible ? 12 : 4);  // at most eleven and three times as long
  return unicode::normalize(s, form);
}
template <std::string (*f)(std::string_view)>
std::string mapped(const mrun::call &c, std::string_view s) {
  const Polling polling(mrun::asking(c));
  admit(c, s, 4);
  return f(s);
}

std::string strip_accents(std::string_view s) {
  const std::string apart = unicode::normalize(s, Form::nfd);
  std::string out;
  for (size_t at = 0; at < apart.size();) {
    const char32_t c = utf8_next(apart, at);
    if (unicode::category(c) != unicode::Mn) utf8_append(out, c);
  }
  return unicode::normalize(out, Form::nfc);
}

std::string repair(const mrun::call &c, const mrun::tensor &bytes) {
  const mrun::bytes given(c, bytes, "text.repair");
  c.charge(int64_t(given.size()) * 3);
  return utf8_repair(given.view());
}

size_t character_end(std::string_view s, size_t at) { return at + utf8_width(static_cast<unsigned char>(s[at])); }

// The parts of a text, each of which ends where `end_of` says.
template <size_t (*end_of)(std::string_view, size_t)>
std::vector<std::string_view> parts(const mrun::call &c, std::string_view s) {
  const Polling polling(mrun::asking(c));
  admit(c, s, 50);
  std::vector<std::string_view> out;
  for (size_t at = 0; at < s.size();) {
    const size_t end = end_of(s, at);
    out.push_back(s.substr(at, end - at));
    at = end;
    Polling::now();
  }
  return out;
}

constexpr int64_t text_in_letters = 5;  // what a search makes of each byte of a text

std::unique_ptr<Regex> compile(const mrun::call &c, std::string_view pattern) {
  const Limits limits(c);
  return std::make_unique<Regex>(pattern);
}

// The text that a thread looked into last, in its pattern's letters: a loop of finds spells it once, not each time. No
// item is charged for what stays, so it is bounded.
class LastText {
 public:
  std::shared_ptr<const Regex::Letters> spell(const Regex &regex, std::string_view s) {
    if (regex.serial() == regex_ && s == text_) return letters_;
    require_utf8(s, "the text");
    auto letters = regex.spell(s);
    constexpr size_t longest = size_t(1) << 20;
    if (s.size() <= longest) {
      regex_ = 0;  // where the next line throws, nothing is remembered
      text_ = s;
      letters_ = letters;
      regex_ = regex.serial();
    }
    return letters;
  }

 private:
  uint64_t regex_ = 0;
  std::string text_;
  std::shared_ptr<const Regex::Letters> letters_;
};

// Lua's positions: from 1, the end included; negative ones count from the end.
size_t start_of(std::string_view s, int64_t init) {
  const auto size = int64_t(s.size());
  if (init < 0) init = std::max<int64_t>(size + init + 1, 1);
  if (init == 0) init = 1;
  size_t at = size_t(std::min(init - 1, size + 1));
  while (at < s.size() && is_continuation(s[at])) ++at;
  return at;
}

mrun::value group(const mrun::call &c, std::string_view s, Span g) {
  if (g.begin == no_match) return {};
  return mrun::value::of(c, s.substr(g.begin, g.end - g.begin));
}

// The groups that have names and took part, by name. Of several with one name, the first.
mrun::value named(const mrun::call &c, const Regex &self, std::string_view s, const std::vector<Span> &groups) {
  std::map<std::string, mrun::value> out;
  for (const auto &[name, number] : self.names())
    if (groups[size_t(number)].begin != no_match) out.emplace(name, group(c, s, groups[size_t(number)]));
  return mrun::value::of(c, std::move(out));
}

// begin, end (as Lua counts), then the groups, then, where the pattern names some, these by name; an empty list where
// there is no match. Absent groups are false, so that the list has no holes.
std::vector<mrun::value> describe(const mrun::call &c, const Regex &self, std::string_view s,
                                  const std::vector<Span> &groups) {
  constexpr size_t usual_groups = 8;
  if (groups.size() > usual_groups) c.charge(int64_t(groups.size() * 2 * sizeof(mrun_value)));
  std::vector<mrun::value> out;
  out.push_back(mrun::value::of(c, int64_t(groups[0].begin) + 1));
  out.push_back(mrun::value::of(c, int64_t(groups[0].end)));
  for (size_t i = 1; i < groups.size(); ++i)
    out.push_back(groups[i].begin == no_match ? mrun::value::of(c, false) : group(c, s, groups[i]));
  if (self.has_names()) out.push_back(named(c, self, s, groups));
  return out;
}

std::vector<mrun::value> find(const mrun::call &c, const Regex &self, std::string_view s, int64_t init) {
  const Polling polling(mrun::asking(c));
  charge_text(c, s, text_in_letters);
  thread_local LastText last;
  std::vector<Span> groups;
  Regex::Search search(self, s, last.spell(self, s));
  const size_t at = start_of(s, init);
  if (at > s.size() || !search.find(at, groups)) return {};
  return describe(c, self, s, groups);
}

// Every match, a list each, described as by find.
std::vector<mrun::value> find_all(const mrun::call &c, const Regex &self, std::string_view s) {
  const Polling polling(mrun::asking(c));
  constexpr int64_t per_match = 200;
  admit(c, s, per_match);  // one for each byte; there may be two at a place, the first of them empty
  std::vector<mrun::value> out;
  self.each(s, [&](const std::vector<Span> &groups) {
    if (out.size() > s.size()) c.charge(per_match);
    out.push_back(mrun::value::of(c, describe(c, self, s, groups)));
    return true;
  });
  return out;
}

// The template of a replacement: %0 to %9 are groups, %% is a percent sign.
void expand(std::string_view s, const std::vector<Span> &groups, std::string_view with, std::string &out) {
  for (size_t i = 0; i < with.size(); ++i) {
    if (with[i] != '%') {
      out += with[i];
      continue;
    }
    const char next = ++i < with.size() ? with[i] : '\0';
    if (next == '%') {
      out += '%';
    } else if (next >= '0' && next <= '9' && size_t(next - '0') < groups.size()) {
      const Span g = groups[size_t(next - '0')];
      if (g.begin != no_match) out += s.substr(g.begin, g.end - g.begin);
    } else {
      mrun::refuse("with: wanted behind % another one or a group's number, 0 to " +
                   std::to_string(std::min<size_t>(groups.size() - 1, 9)) + ", got " +
                   (i < with.size() ? std::string(with.substr(i - 1, character_end(with, i) - i + 1)) : "the end"));
    }
  }
}

// The text with the first `count` matches replaced (all where negative), and how many they were.
std::tuple<std::string, int64_t> gsub(const mrun::call &c, const Regex &self, std::string_view s, std::string_view with,
                                      int64_t count) {
  const Polling polling(mrun::asking(c));
  admit(c, s, 2 + text_in_letters);
  std::string out;
  size_t done = 0, charged = s.size() * 2 + 1024;
  int64_t made = 0;
  if (count == 0) return {std::string(s), 0};
  self.each(s, [&](const std::vector<Span> &groups) {
    out.append(s, done, groups[0].begin - done);
    expand(s, groups, with, out);
    if (out.size() > charged) {
      const size_t more = out.size() - charged + out.size() / 4;
      c.charge(int64_t(more));
      charged += more;
    }
    done = groups[0].end;
    return ++made != count;
  });
  out.append(s, done);
  return {std::move(out), made};
}

std::vector<std::string> split(const mrun::call &c, const Regex &self, std::string_view s, int64_t max) {
  const Polling polling(mrun::asking(c));
  admit(c, s, 50);
  std::vector<std::string> out;
  size_t done = 0;
  self.each(s, [&](const std::vector<Span> &groups) {
    if (max >= 0 && int64_t(out.size()) >= max) return false;
    out.emplace_back(s.substr(done, groups[0].begin - done));
    done = groups[0].end;
    return true;
  });
  out.emplace_back(s.substr(done));
  return out;
}

}  // namespace

void add_unicode(const mrun::registrar &r) {
  r.op<walled<form_of<Form::nfc>>>("text.nfc@1(str s) -> str", "Unicode's normalization form C.");
  r.op<walled<form_of<Form::nfd>>>("text.nfd@1(str s) -> str", "Unicode's normalization form D.");
  r.op<walled<form_of<Form::nfkc>>>("text.nfkc@1(str s) -> str", "Unicode's normalization form KC.");
  r.op<walled<form_of<Form::nfkd>>>("text.nfkd@1(str s) -> str", "Unicode's normalization form KD.");
  r.op<walled<mapped<unicode::lower>>>("text.lower@1(str s) -> str", "Lower case, whatever the locale.");
  r.op<walled<mapped<unicode::upper>>>("text.upper@1(str s) -> str", "Upper case, whatever the locale.");
  r.op<walled<mapped<unicode::fold>>>("text.fold@1(str s) -> str", "Case folding: for comparing without case.");
  r.op<walled<mapped<strip_accents>>>("text.strip_accents@1(str s) -> str", "Without nonspacing marks, in form C.");
  r.op<walled<parts<character_end>>>("text.characters@1(str s) -> str[]", "The characters (code points) of a text.");
  r.op<walled<parts<unicode::grapheme_end>>>(
      "text.graphemes@1(str s) -> str[]",
      "The extended grapheme clusters of a text: what a reader takes for characters.");
  r.op<walled<repair>>("text.repair@1(Tensor bytes) -> str",
                       "Bytes as a text: what is not valid UTF-8 becomes U+FFFD.");
  r.type<Regex>();
  r.op<walled<compile>>("text.regex@1(str pattern) -> text.Regex", "A regular expression, as PCRE2 reads it.",
                        MRUN_OP_ONCE);
  r.op<walled<find>>(
      "text.Regex.find@1(text.Regex self, str s, int init=1) -> Any[]",
      "Begin, end, groups, groups by name of the first match from a position on; an empty list where there is none.");
  r.op<walled<find_all>>("text.Regex.find_all@1(text.Regex self, str s) -> Any[]",
                         "Every match, as find describes one.");
  r.op<walled<gsub>>("text.Regex.gsub@1(text.Regex self, str s, str with, int count=-1) -> (str, int)",
                     "The text with matches replaced, and how many they were.");
  r.op<walled<split>>("text.Regex.split@1(text.Regex self, str s, int max=-1) -> str[]",
                      "The parts between the matches, at most max + 1.");
}

}  // namespace text
