#include "normalizers.h"

#include <algorithm>
#include <optional>

#include "base64.h"
#include "byte_level.h"
#include "charsmap.h"
#include "unicode.h"
#include "unicode/graphemes.h"

namespace text {
namespace {

bool is_ascii(std::string_view s) {
  return std::all_of(s.begin(), s.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

// Keeps the characters for which `keep` holds, mapped by `map`.
template <class Keep, class Map>
void filter(Normalized &n, Keep keep, Map map) {
  Rewriter r(n);
  while (!r.done() && !keep(r.peek())) r.skip();
  while (!r.done()) {
    const char32_t c = r.peek();
    size_t at = r.position();
    utf8_next(n.bytes, at);
    int removed = 0;
    for (size_t next = at; next < n.bytes.size() && !keep(utf8_next(n.bytes, next));) ++removed;
    r.put(map(c), -removed);
  }
  r.finish();
}

void drop_class(Normalized &n, CharClass dropped) {
  auto keep = [dropped](char32_t c) { return !(char_class(c) & dropped); };
  filter(n, keep, [](char32_t c) { return c; });
}

void lower_case(Normalized &n) {
  if (is_ascii(n.bytes)) {
    for (char &c : n.bytes)
      if (c >= 'A' && c <= 'Z') c = char(c + 32);
    return;
  }
  Rewriter r(n);
  while (!r.done()) {
    const Expansion e = lower_of(r.peek());
    for (int i = 0; i < e.size; ++i) r.put(e.at[i], i > 0);
  }
  r.finish();
}

struct Marked {
  char32_t c;
  int change;
  uint8_t combining;
};

// Characters decomposed, and marks put in canonical order.
std::vector<Marked> decomposed(std::string_view s, bool compatible) {
  std::vector<Marked> out;
  out.reserve(s.size());
  auto sort_marks = [&](size_t begin) {
    std::stable_sort(out.begin() + ptrdiff_t(begin), out.end(),
                     [](const Marked &a, const Marked &b) { return a.combining < b.combining; });
  };
  size_t marks = 0;  // where the marks behind the last starter begin
  auto push = [&](char32_t c, int change) {
    const uint8_t combining = combining_class(c);
    if (combining == 0) {
      if (out.size() - marks > 1) sort_marks(marks);
      marks = out.size() + 1;
    }
    out.push_back({c, change, combining});
  };
  for (size_t at = 0; at < s.size();) {
    const char32_t c = utf8_next(s, at);
    const Expansion e = decompose(c, compatible);
    if (e.size == 0) push(c, 0);
    for (int i = 0; i < e.size; ++i) push(e.at[i], i > 0);
  }
  if (marks < out.size()) sort_marks(marks);
  return out;
}

// Unicode's composition algorithm (UAX 15), which also says what each result stands for.
std::vector<Marked> composed(const std::vector<Marked> &parts) {
  std::vector<Marked> out;
  out.reserve(parts.size());
  size_t starter = SIZE_MAX;
  int last = -1;  // the combining class of what was last kept behind the starter; -1: nothing
  for (const Marked &m : parts) {
    if (starter != SIZE_MAX && last < int(m.combining)) {
      if (const char32_t c = compose(out[starter].c, m.c)) {
        out[starter].c = c;
        out[starter].change += m.change - 1;
        continue;
      }
    }
    if (m.combining == 0) {
      starter = out.size();
      last = -1;
    } else if (starter != SIZE_MAX) {
      last = m.combining;
    }
    out.push_back(m);
  }
  return out;
}

void normal_form(Normalized &n, Form form) {
  if (is_ascii(n.bytes)) return;
  auto parts = decomposed(n.bytes, form == Form::nfkc || form == Form::nfkd);
  if (form == Form::nfc || form == Form::nfkc) parts = composed(parts);
  Rewriter r(n);
  for (const Marked &m : parts) r.put(m.c, m.change);
  r.finish();
}

bool is_chinese(char32_t c) {
  return (c >= 0x4e00 && c <= 0x9fff) || (c >= 0x3400 && c <= 0x4dbf) || (c >= 0x20000 && c <= 0x2a6df) ||
         (c >= 0x2a700 && c <= 0x2b73f) || (c >= 0x2b740 && c <= 0x2b81f) || (c >= 0x2b920 && c <= 0x2ceaf) ||
         (c >= 0xf900 && c <= 0xfaff) || (c >= 0x2f800 && c <= 0x2fa1f);
}

class Bert final : public Normalizer {
 public:
  explicit Bert(const Json &j)
      : clean_(bool_member(j, "clean_text", true)),
        chinese_(bool_member(j, "handle_chinese_chars", true)),
        lower_(bool_member(j, "lowercase", true)),
        accents_(bool_member(j, "strip_accents", lower_)) {}

  void run(Normalized &n) const override {
    if (clean_) clean(n);
    if (is_ascii(n.bytes)) {
      if (lower_) lower_case(n);
      return;
    }
    if (chinese_) space_chinese(n);
    if (accents_) {
      normal_form(n, Form::nfd);
      drop_class(n, class_nonspacing);
    }
    if (lower_) lower_case(n);
  }

 private:
  static bool white(char32_t c) { return c == '\t' || c == '\n' || c == '\r' || is_space(c); }
  static bool wanted(char32_t c) {
    if (c >= 0x20 && c < 0x7f) return true;
    if (c == '\t' || c == '\n' || c == '\r') return true;
    return c != 0 && c != 0xfffd && !(char_class(c) & class_other);
  }
  static void clean(Normalized &n) {
    auto plain = [](char c) { return (c >= 0x20 && c < 0x7f) || c == '\t' || c == '\n' || c == '\r'; };
    if (std::all_of(n.bytes.begin(), n.bytes.end(), plain)) {
      for (char &c : n.bytes) c = c < 0x20 ? ' ' : c;
      return;
    }
    filter(n, wanted, [](char32_t c) { return white(c) ? U' ' : c; });
  }
  static void space_chinese(Normalized &n) {
    Rewriter r(n);
    while (!r.done()) {
      const char32_t c = r.peek();
      if (is_chinese(c)) {
        r.put(' ');
        r.put(c, 1);
        r.put(' ', 1);
      } else {
        r.put(c);
      }
    }
    r.finish();
  }
  bool clean_, chinese_, lower_, accents_;
};

class Strip final : public Normalizer {
 public:
  explicit Strip(const Json &j)
      : left_(bool_member(j, "strip_left", true)), right_(bool_member(j, "strip_right", true)) {}
  void run(Normalized &n) const override {
    size_t begin = 0, end = n.bytes.size();
    for (size_t at = 0; left_ && at < n.bytes.size() && is_space(utf8_next(n.bytes, at));) begin = at;
    for (size_t at = end; right_ && at > begin && is_space(utf8_previous(n.bytes, at));) end = at;
    if (begin == 0 && end == n.bytes.size()) return;
    Rewriter r(n);
    while (r.position() < begin) r.skip();
    while (r.position() < end) r.keep();
    r.finish();
  }

 private:
  bool left_, right_;
};

class StripAccents final : public Normalizer {
 public:
  void run(Normalized &n) const override {
    if (!is_ascii(n.bytes)) drop_class(n, class_mark);
  }
};

class UnicodeForm final : public Normalizer {
 public:
  explicit UnicodeForm(Form form) : form_(form) {}
  void run(Normalized &n) const override { normal_form(n, form_); }

 private:
  Form form_;
};

class Lowercase final : public Normalizer {
 public:
  void run(Normalized &n) const override { lower_case(n); }
};

// The cleaning of the "nmt_nfkc" rules of sentencepiece.
class Nmt final : public Normalizer {
 public:
  void run(Normalized &n) const override {
    filter(n, kept, [](char32_t c) { return space(c) ? U' ' : c; });
  }

 private:
  static bool kept(char32_t c) {
    return !((c >= 0x01 && c <= 0x08) || c == 0x0b || (c >= 0x0e && c <= 0x1f) || c == 0x7f || c == 0x8f || c == 0x9f);
  }
  static bool space(char32_t c) {
    return c == 0x09 || c == 0x0a || c == 0x0c || c == 0x0d || c == 0x1680 || (c >= 0x200b && c <= 0x200f) ||
           c == 0x2028 || c == 0x2029 || c == 0x2581 || c == 0xfeff || c == 0xfffd;
  }
};

class Replace final : public Normalizer {
 public:
  explicit Replace(const Json &j) : pattern_(member(j, "pattern")), content_(string_member(j, "content")) {
    for (size_t at = 0; at < content_.size();) characters_.push_back(utf8_next(content_, at));
  }
  bool inserts() const override { return pattern_.matches_empty(); }
  void run(Normalized &n) const override {
    std::optional<Rewriter> r;  // made at the first match
    pattern_.each(n.bytes, [&](uint32_t begin, uint32_t end) {
      if (!r) r.emplace(n);
      while (r->position() < begin) r->keep();
      while (r->position() < end) r->skip();
      for (char32_t c : characters_) r->put(c, 1);
    });
    if (!r) return;
    while (!r->done()) r->keep();
    r->finish();
  }

 private:
  Pattern pattern_;
  std::string content_;
  std::vector<char32_t> characters_;
};

class Prepend final : public Normalizer {
 public:
  explicit Prepend(const Json &j) : text_(string_member(j, "prepend")) {}
  void run(Normalized &n) const override {
    if (n.bytes.empty()) return;
    Rewriter r(n);
    const char32_t first = r.peek();
    for (size_t at = 0; at < text_.size();) {
      const int change = at > 0;
      r.put(utf8_next(text_, at), change);
    }
    r.put(first, text_.empty() ? 0 : 1);
    while (!r.done()) r.keep();
    r.finish();
  }

 private:
  std::string text_;
};

class ByteLevelNormalizer final : public Normalizer {
 public:
  void run(Normalized &n) const override {
    Rewriter r(n);
    while (!r.done()) {
      const size_t begin = r.position();
      const size_t width = utf8_width(static_cast<unsigned char>(n.bytes[begin]));
      for (size_t i = 0; i < width; ++i) r.put(byte_to_char(static_cast<unsigned char>(n.bytes[begin + i])), i > 0);
    }
    r.finish();
  }
};

// sentencepiece's compiled rules, applied to each grapheme cluster below six bytes, else to each character.
class Precompiled final : public Normalizer {
 public:
  explicit Precompiled(const Json &j) : map_(bytes_of(string_member(j, "precompiled_charsmap"))) {}
  void run(Normalized &n) const override {
    std::vector<Edit> edits;
    bool changed = false;
    auto replace = [&](std::string_view old_part) {
      const auto found = map_.shortest(old_part);
      if (!found) return false;
      changed = true;
      substitute(edits, old_part, *found);
      return true;
    };
    each_cluster(n.bytes, [&](std::string_view cluster) {
      if (cluster.size() < 6 && replace(cluster)) return;
      for (size_t at = 0; at < cluster.size();) {
        const size_t begin = at;
        const char32_t c = utf8_next(cluster, at);
        if (!replace(cluster.substr(begin, at - begin))) edits.push_back({c, 0});
      }
    });
    if (changed) apply_edits(n, edits);
  }

 private:
  static std::string bytes_of(const std::string &base64) {
    auto bytes = from_base64(base64);
    if (!bytes) bad_config("precompiled_charsmap is not base64");
    return std::move(*bytes);
  }
  static void substitute(std::vector<Edit> &edits, std::string_view old_part, std::string_view new_part) {
    const int more = int(utf8_length(new_part)) - int(utf8_length(old_part));
    for (size_t at = 0; at < new_part.size();) edits.push_back({utf8_next(new_part, at), 0});
    for (int i = 0; i < more; ++i) edits[edits.size() - 1 - size_t(i)].change = 1;
    if (more < 0 && !edits.empty()) edits.back().change += more;
  }
  template <class F>
  void each_cluster(std::string_view s, F f) const {
    for (size_t at = 0; at < s.size();) {
      const size_t end = unicode::grapheme_end(s, at);
      f(s.substr(at, end - at));
      at = end;
    }
  }
  CharsMap map_;
};

class NormalizerSequence final : public Normalizer {
 public:
  explicit NormalizerSequence(const Json &j) {
    for (const Json &one : array_member(j, "normalizers")) parts_.push_back(make_normalizer(one));
  }
  void run(Normalized &n) const override {
    for (const auto &part : parts_)
      if (part) part->run(n);
  }
  bool inserts() const override {
    return std::any_of(parts_.begin(), parts_.end(), [](const auto &part) { return part && part->inserts(); });
  }

 private:
  std::vector<std::unique_ptr<Normalizer>> parts_;
};

}  // namespace

Pattern::Pattern(const Json &j) {
  const Json *s = optional_member(j, "String");
  if (s && s->is_string()) literal_ = s->get<std::string>();
  if (literal_.empty()) {
    if (!s) source_ = string_member(j, "Regex");
    try {
      regex_ = std::make_unique<Regex>(source_, Dialect::ruby);
    } catch (const Error &e) { bad_config(e.text); }
  }
}

Pattern::Pattern(std::string regex, Dialect dialect)
    : source_(std::move(regex)), regex_(std::make_unique<Regex>(source_, dialect)) {}

std::unique_ptr<Normalizer> make_normalizer(const Json &j) {
  if (j.is_null()) return nullptr;
  const std::string &type = string_member(j, "type");
  if (type == "BertNormalizer") return std::make_unique<Bert>(j);
  if (type == "Strip") return std::make_unique<Strip>(j);
  if (type == "StripAccents") return std::make_unique<StripAccents>();
  if (type == "NFC") return std::make_unique<UnicodeForm>(Form::nfc);
  if (type == "NFD") return std::make_unique<UnicodeForm>(Form::nfd);
  if (type == "NFKC") return std::make_unique<UnicodeForm>(Form::nfkc);
  if (type == "NFKD") return std::make_unique<UnicodeForm>(Form::nfkd);
  if (type == "Lowercase") return std::make_unique<Lowercase>();
  if (type == "Nmt") return std::make_unique<Nmt>();
  if (type == "Replace") return std::make_unique<Replace>(j);
  if (type == "Prepend") return std::make_unique<Prepend>(j);
  if (type == "ByteLevel") return std::make_unique<ByteLevelNormalizer>();
  if (type == "Precompiled") return std::make_unique<Precompiled>(j);
  if (type == "Sequence") return std::make_unique<NormalizerSequence>(j);
  bad_config("no normalizer is called \"" + type + '"');
}

}  // namespace text
