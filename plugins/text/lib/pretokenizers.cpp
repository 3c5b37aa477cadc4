#include "pretokenizers.h"

#include <algorithm>

#include "byte_level.h"
#include "normalizers.h"
#include "splitters.h"
#include "unicode.h"
#include "unicode/data.h"

namespace text {
namespace {

// What becomes of the delimiters that a pattern finds.
enum class Behavior { removed, isolated, merged_with_previous, merged_with_next, contiguous };

Behavior behavior_of(const std::string &name) {
  if (name == "Removed") return Behavior::removed;
  if (name == "Isolated") return Behavior::isolated;
  if (name == "MergedWithPrevious") return Behavior::merged_with_previous;
  if (name == "MergedWithNext") return Behavior::merged_with_next;
  if (name == "Contiguous") return Behavior::contiguous;
  bad_config("no behavior of a split is called \"" + name + '"');
}

struct Part {
  Span span;
  bool match;
};

// A span's parts, matches and what lies between them, become spans. Empty matches take part in joining.
void add_parts(const std::vector<Part> &parts, Behavior behavior, std::vector<Span> &out) {
  const size_t first = out.size();
  auto add = [&](Span s) { out.push_back(s); };
  bool previous = false;
  switch (behavior) {
    case Behavior::removed:
      for (const Part &p : parts)
        if (!p.match) add(p.span);
      break;
    case Behavior::isolated:
      for (const Part &p : parts) add(p.span);
      break;
    case Behavior::contiguous:
    case Behavior::merged_with_previous:
      for (const Part &p : parts) {
        const bool join = behavior == Behavior::contiguous ? p.match == previous : p.match && !previous;
        if (join && out.size() > first) {
          out.back().end = p.span.end;
        } else {
          add(p.span);
        }
        previous = p.match;
      }
      break;
    case Behavior::merged_with_next:
      for (size_t i = parts.size(); i-- > 0;) {
        if (parts[i].match && !previous && out.size() > first) {
          out.back().begin = parts[i].span.begin;
        } else {
          add(parts[i].span);
        }
        previous = parts[i].match;
      }
      std::reverse(out.begin() + ptrdiff_t(first), out.end());
      break;
  }
  const auto is_empty = [](Span s) { return s.begin == s.end; };
  out.erase(std::remove_if(out.begin() + ptrdiff_t(first), out.end(), is_empty), out.end());
}

// find(text, emit) calls emit(begin, end) for each match in a span's text.
template <class Find>
void split(PreTokenized &p, Behavior behavior, bool invert, Find find) {
  std::vector<Span> out;
  std::vector<Part> parts;
  for (Span s : p.spans) {
    parts.clear();
    uint32_t done = s.begin;
    find(std::string_view(p.n.bytes).substr(s.begin, s.end - s.begin), [&](size_t begin, size_t end) {
      const Span found{s.begin + uint32_t(begin), s.begin + uint32_t(end)};
      if (done < found.begin) parts.push_back({{done, found.begin}, invert});
      parts.push_back({found, !invert});
      done = found.end;
    });
    if (done < s.end) parts.push_back({{done, s.end}, invert});
    add_parts(parts, behavior, out);
  }
  p.spans.swap(out);
}

// Every character for which `is` holds is a match.
template <class Is>
void split_characters(PreTokenized &p, Behavior behavior, Is is) {
  split(p, behavior, false, [&](std::string_view s, auto emit) {
    for (size_t at = 0; at < s.size();) {
      const size_t begin = at;
      if (is(utf8_next(s, at))) emit(begin, at);
    }
  });
}

// Every run of characters of one kind (not 0) is a match.
template <class Kind>
void split_runs(PreTokenized &p, Behavior behavior, bool invert, Kind kind_of) {
  split(p, behavior, invert, [&](std::string_view s, auto emit) {
    size_t begin = 0;
    int kind = 0;
    for (size_t at = 0; at < s.size();) {
      const size_t here = at;
      const int k = kind_of(utf8_next(s, at));
      if (k == kind) continue;
      if (kind) emit(begin, here);
      begin = here;
      kind = k;
    }
    if (kind) emit(begin, s.size());
  });
}

// Rewrites the text span by span: change(rewriter, span) must use up the span.
template <class Change>
void rewrite(PreTokenized &p, Change change) {
  Rewriter r(p.n);
  for (Span &s : p.spans) {
    while (r.position() < s.begin) r.skip();
    const auto begin = uint32_t(r.written());
    change(r, s);
    s = {begin, uint32_t(r.written())};
  }
  r.finish();
}

// `letter` before the first character of a span, which both then stand for.
void put_before(Rewriter &r, char32_t letter, char32_t first) {
  r.put(letter);
  r.put(first, 1);
}

bool is_punctuation(char32_t c) { return char_class(c) & class_punctuation; }

class BertPreTokenizer final : public PreTokenizer {
 public:
  void run(PreTokenized &p) const override {
    std::vector<Span> out;
    for (Span s : p.spans) {
      uint32_t begin = s.begin;
      for (size_t at = s.begin; at < s.end;) {
        const auto here = uint32_t(at);
        const uint8_t kind = char_class(utf8_next(p.n.bytes, at));
        if (!(kind & (class_space | class_punctuation))) continue;
        if (begin < here) out.push_back({begin, here});
        begin = uint32_t(at);
        if (kind & class_punctuation) out.push_back({here, begin});
      }
      if (begin < s.end) out.push_back({begin, s.end});
    }
    p.spans.swap(out);
  }
};

class ByteLevel final : public PreTokenizer {
 public:
  explicit ByteLevel(const Json &j)
      : add_prefix_space_(bool_member(j, "add_prefix_space", true)), use_regex_(bool_member(j, "use_regex", true)) {}
  ByteLevel() : add_prefix_space_(false), use_regex_(false) {}
  bool gives_letters() const override { return true; }
  void give_bytes() override { bytes_ = true; }
  bool needs_origin(bool inserts) const override { return inserts; }
  void run(PreTokenized &p) const override {
    if (add_prefix_space_) prefix(p);
    if (use_regex_) {
      split(p, Behavior::isolated, false, [](std::string_view s, auto emit) {
        for (size_t at = 0; at < s.size();) {
          const size_t end = split_gpt2(s, at);
          emit(at, end);
          at = end;
        }
      });
    }
    if (bytes_) return;
    rewrite(p, [&](Rewriter &r, Span s) {
      // As in the peer: what stands for nothing of the original stays, behind its letters.
      const bool stays = p.n.track && is_empty(p.n.original(s.begin, s.end));
      for (size_t at = s.begin; at < s.end;) {
        const size_t width = utf8_width(static_cast<unsigned char>(p.n.bytes[at]));
        for (size_t i = 0; i < width; ++i)
          r.put(byte_to_char(static_cast<unsigned char>(p.n.bytes[at + i])), stays || i > 0);
        at += width;
      }
      while (r.position() < s.end) r.keep();
    });
  }

 private:
  static bool is_empty(Offsets o) { return o.begin == o.end; }
  static void prefix(PreTokenized &p) {
    bool needed = false;
    for (Span s : p.spans) needed = needed || p.n.bytes[s.begin] != ' ';
    if (!needed) return;
    rewrite(p, [&](Rewriter &r, Span s) {
      if (r.peek() != ' ') put_before(r, ' ', r.peek());
      while (r.position() < s.end) r.keep();
    });
  }
  bool add_prefix_space_, use_regex_;
  bool bytes_ = false;  // leave the bytes as they are
};

class Metaspace final : public PreTokenizer {
 public:
  explicit Metaspace(const Json &j) : split_(bool_member(j, "split", true)) {
    const std::string &text = string_member(j, "replacement");
    if (utf8_length(text) != 1) bad_config("Metaspace: \"replacement\" is not one character");
    size_t at = 0;
    mark_ = utf8_next(text, at);
    const std::string scheme =
        string_member(j, "prepend_scheme", bool_member(j, "add_prefix_space", true) ? "always" : "never");
    if (scheme != "always" && scheme != "first" && scheme != "never")
      bad_config("Metaspace: no prepend_scheme is called \"" + scheme + '"');
    always_ = scheme == "always";
    first_ = scheme == "first";
  }
  bool needs_origin(bool) const override { return first_; }
  void run(PreTokenized &p) const override {
    rewrite(p, [&](Rewriter &r, Span s) {
      const char32_t c = r.peek();
      const bool here = always_ || (first_ && p.n.original(s.begin, s.end).begin == 0);
      if (here && c != ' ' && c != mark_) put_before(r, mark_, c);
      while (r.position() < s.end) r.put(r.peek() == ' ' ? mark_ : r.peek());
    });
    if (split_) split_characters(p, Behavior::merged_with_next, [&](char32_t c) { return c == mark_; });
  }

 private:
  char32_t mark_ = 0;
  bool split_, always_ = false, first_ = false;
};

class Whitespace final : public PreTokenizer {  // \w+|[^\w\s]+
 public:
  void run(PreTokenized &p) const override {
    split_runs(p, Behavior::removed, true, [](char32_t c) {
      const uint8_t kind = char_class(c);
      return kind & class_word ? 1 : kind & class_space ? 0 : 2;
    });
  }
};

class WhitespaceSplit final : public PreTokenizer {
 public:
  void run(PreTokenized &p) const override { split_characters(p, Behavior::removed, is_space); }
};

class Punctuation final : public PreTokenizer {
 public:
  explicit Punctuation(const Json &j) : behavior_(behavior_of(string_member(j, "behavior", "Isolated"))) {}
  void run(PreTokenized &p) const override { split_characters(p, behavior_, is_punctuation); }

 private:
  Behavior behavior_;
};

class Digits final : public PreTokenizer {
 public:
  explicit Digits(const Json &j)
      : behavior_(bool_member(j, "individual_digits", false) ? Behavior::isolated : Behavior::contiguous) {}
  void run(PreTokenized &p) const override { split_characters(p, behavior_, is_numeric); }

 private:
  Behavior behavior_;
};

class CharDelimiterSplit final : public PreTokenizer {
 public:
  explicit CharDelimiterSplit(const Json &j) {
    const std::string &text = string_member(j, "delimiter");
    if (utf8_length(text) != 1) bad_config("CharDelimiterSplit: \"delimiter\" is not one character");
    size_t at = 0;
    delimiter_ = utf8_next(text, at);
  }
  void run(PreTokenized &p) const override {
    split_characters(p, Behavior::removed, [&](char32_t c) { return c == delimiter_; });
  }

 private:
  char32_t delimiter_ = 0;
};

class Split final : public PreTokenizer {
 public:
  explicit Split(const Json &j)
      : pattern_(member(j, "pattern")),
        behavior_(behavior_of(string_member(j, "behavior"))),
        invert_(bool_member(j, "invert", false)),
        known_(known_splitter(pattern_.source())) {}
  explicit Split(const std::string &pattern)
      : pattern_(pattern, Dialect::pcre),
        behavior_(Behavior::isolated),
        invert_(false),
        known_(known_splitter(pattern)) {}
  void run(PreTokenized &p) const override {
    if (!known_) {
      split(p, behavior_, invert_, [&](std::string_view s, auto emit) { pattern_.each(s, emit); });
      return;
    }
    split(p, behavior_, invert_, [&](std::string_view s, auto emit) {
      for (size_t at = 0; at < s.size();) {
        const size_t end = known_(s, at);
        emit(at, end);
        at = end;
      }
    });
  }

 private:
  Pattern pattern_;
  Behavior behavior_;
  bool invert_;
  Splitter known_;
};

class FixedLength final : public PreTokenizer {
 public:
  explicit FixedLength(const Json &j) : length_(uint_member(j, "length", 5)) {
    if (length_ == 0) bad_config("FixedLength: \"length\" is 0");
  }
  void run(PreTokenized &p) const override {
    split(p, Behavior::isolated, false, [&](std::string_view s, auto emit) {
      for (size_t at = 0; at < s.size();) {
        const size_t begin = at;
        for (uint32_t i = 0; i < length_ && at < s.size(); ++i) utf8_next(s, at);
        emit(begin, at);
      }
    });
  }

 private:
  uint32_t length_;
};

// Cuts where the script changes; kana count as Han, spaces and characters without a script as any. As in the peer, those
// before the first character of a script are in no part.
class UnicodeScripts final : public PreTokenizer {
 public:
  void run(PreTokenized &p) const override {
    std::vector<Span> out;
    for (Span s : p.spans) {
      uint32_t begin = s.end;
      int last = none;
      for (size_t at = s.begin; at < s.end;) {
        const auto here = uint32_t(at);
        const int script = script_of(utf8_next(p.n.bytes, at));
        if (script == any || script == last) continue;
        if (last != none) out.push_back({begin, here});
        begin = here;
        last = script;
      }
      if (begin < s.end) out.push_back({begin, s.end});
    }
    p.spans.swap(out);
  }

 private:
  static constexpr int any = -1, none = -2;
  static int script_of(char32_t c) {
    if (c == ' ' || unicode::age(c) > unicode::Age::unicode_9) return any;  // the peer's table is Unicode 9's
    static const int han = *unicode::script_called("hani"), hiragana = *unicode::script_called("hira"),
                     katakana = *unicode::script_called("kana");
    if (c == 0x30fc) return han;
    const int script = unicode::script(c);
    if (script == unicode::no_script) return any;
    return script == hiragana || script == katakana ? han : script;
  }
};

class PreTokenizerSequence final : public PreTokenizer {
 public:
  explicit PreTokenizerSequence(const Json &j) {
    for (const Json &one : array_member(j, "pretokenizers"))
      if (auto part = make_pretokenizer(one)) parts_.push_back(std::move(part));
  }
  PreTokenizerSequence(std::unique_ptr<PreTokenizer> first, std::unique_ptr<PreTokenizer> second) {
    parts_.push_back(std::move(first));
    parts_.push_back(std::move(second));
  }
  bool gives_letters() const override { return !parts_.empty() && parts_.back()->gives_letters(); }
  void give_bytes() override { parts_.back()->give_bytes(); }
  bool needs_origin(bool inserts) const override {
    return std::any_of(parts_.begin(), parts_.end(), [&](const auto &part) { return part->needs_origin(inserts); });
  }
  void run(PreTokenized &p) const override {
    for (const auto &part : parts_) part->run(p);
  }

 private:
  std::vector<std::unique_ptr<PreTokenizer>> parts_;
};

}  // namespace

std::unique_ptr<PreTokenizer> make_pretokenizer(const Json &j) {
  if (j.is_null()) return nullptr;
  const std::string &type = string_member(j, "type");
  if (type == "BertPreTokenizer") return std::make_unique<BertPreTokenizer>();
  if (type == "ByteLevel") return std::make_unique<ByteLevel>(j);
  if (type == "Metaspace") return std::make_unique<Metaspace>(j);
  if (type == "Whitespace") return std::make_unique<Whitespace>();
  if (type == "WhitespaceSplit") return std::make_unique<WhitespaceSplit>();
  if (type == "Punctuation") return std::make_unique<Punctuation>(j);
  if (type == "Digits") return std::make_unique<Digits>(j);
  if (type == "CharDelimiterSplit") return std::make_unique<CharDelimiterSplit>(j);
  if (type == "Split") return std::make_unique<Split>(j);
  if (type == "FixedLength") return std::make_unique<FixedLength>(j);
  if (type == "UnicodeScripts") return std::make_unique<UnicodeScripts>();
  if (type == "Sequence") return std::make_unique<PreTokenizerSequence>(j);
  bad_config("no pre-tokenizer is called \"" + type + '"');
}

std::unique_ptr<PreTokenizer> make_byte_splitter(const std::string &pattern) {
  return std::make_unique<PreTokenizerSequence>(std::make_unique<Split>(pattern), std::make_unique<ByteLevel>());
}

}  // namespace text
