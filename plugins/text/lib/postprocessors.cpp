#include "postprocessors.h"

#include <algorithm>
#include <map>

#include "byte_level.h"
#include "unicode.h"
#include "utf8.h"

namespace text {
namespace {

struct Special {
  std::string piece;
  uint32_t id;
};

Special special_of(const Json &j, const char *key) {
  const Json &v = array_member(j, key);
  if (v.size() != 2 || !v[0].is_string()) bad_config(std::string("\"") + key + "\" is not a token and its id");
  return {v[0].get<std::string>(), to_uint(v[1], key)};
}

Encoding token(const Special &s, int64_t type, Wanted wanted) {
  return repeated({s.id, type, s.piece, true}, 1, wanted);
}

void set_type(Encoding &e, int64_t type) { std::fill(e.types.begin(), e.types.end(), type); }
void set_sequence(Encoding &e, size_t sequence) {
  std::fill(e.sequences.begin(), e.sequences.end(), int64_t(sequence));
}

template <class F>
void each_part(Encoding &e, F f) {
  f(e);
  for (Encoding &part : e.overflowing) f(part);
}

// What is about to get special tokens around it is a text, whatever a post-processor before put into it.
void make_text(Encoding &e, size_t sequence) {
  each_part(e, [&](Encoding &part) {
    set_sequence(part, sequence);
    std::fill(part.special.begin(), part.special.end(), 0);
  });
}

bool is_white(char32_t c) { return c == byte_to_char(' ') || is_space(c); }

// Takes leading and trailing white space of the pieces out of their offsets.
void trim(Encoding &e, bool add_prefix_space) {
  for (size_t i = 0; i < e.pieces.size(); ++i) {
    const std::string &piece = e.pieces[i];
    Offsets &o = e.offsets[i];
    uint32_t leading = 0, trailing = 0;
    for (size_t at = 0; at < piece.size() && is_white(utf8_next(piece, at));) ++leading;
    for (size_t at = piece.size(); at > 0 && is_white(utf8_previous(piece, at));) ++trailing;
    if (leading > 0) {
      if ((i == 0 || o.begin == 0) && add_prefix_space && leading == 1) leading = 0;  // it was added
      o.begin = std::min(o.begin + leading, o.end);
    }
    if (trailing > 0 && o.end >= trailing) o.end = std::max(o.end - trailing, o.begin);
  }
}

class ByteLevel final : public PostProcessor {
 public:
  explicit ByteLevel(const Json &j)
      : trim_(bool_member(j, "trim_offsets", true)), add_prefix_space_(bool_member(j, "add_prefix_space", true)) {}
  size_t added(bool) const override { return 0; }
  void run(std::vector<Encoding> &all, bool) const override {
    for (size_t i = 0; i < all.size(); ++i)
      each_part(all[i], [&](Encoding &part) {
        if (trim_) trim(part, add_prefix_space_);
        set_sequence(part, i);
      });
  }

 private:
  bool trim_, add_prefix_space_;
};

class Bert final : public PostProcessor {
 public:
  explicit Bert(const Json &j) : sep_(special_of(j, "sep")), cls_(special_of(j, "cls")) {}
  size_t added(bool pair) const override { return pair ? 3 : 2; }
  void run(std::vector<Encoding> &all, bool special) const override {
    if (!special) return;
    for (size_t i = 0; i < all.size(); ++i) {
      Encoding &e = all[i];
      make_text(e, i > 0);
      if (i == 0) e = joined(token(cls_, 0, e.wanted), e);
      e = joined(e, token(sep_, i > 0, e.wanted));
    }
  }

 private:
  Special sep_, cls_;
};

class Roberta final : public PostProcessor {
 public:
  explicit Roberta(const Json &j)
      : sep_(special_of(j, "sep")),
        cls_(special_of(j, "cls")),
        trim_(bool_member(j, "trim_offsets", true)),
        add_prefix_space_(bool_member(j, "add_prefix_space", true)) {}
  size_t added(bool pair) const override { return pair ? 4 : 2; }
  void run(std::vector<Encoding> &all, bool special) const override {
    for (size_t i = 0; i < all.size(); ++i) {
      Encoding &e = all[i];
      if (trim_) each_part(e, [&](Encoding &part) { trim(part, add_prefix_space_); });
      set_type(e, 0);
      if (!special) continue;
      each_part(e, [](Encoding &part) { set_type(part, 0); });
      make_text(e, i > 0);
      e = joined(joined(token(i == 0 ? cls_ : sep_, 0, e.wanted), e), token(sep_, 0, e.wanted));
    }
  }

 private:
  Special sep_, cls_;
  bool trim_, add_prefix_space_;
};

class Template final : public PostProcessor {
 public:
  explicit Template(const Json &j) {
    for (const auto &[name, one] : member(j, "special_tokens").items()) {
      const Json &ids = array_member(one, "ids"), &tokens = array_member(one, "tokens");
      if (ids.size() != tokens.size())
        bad_config("TemplateProcessing: ids and tokens of \"" + name + "\" differ in number");
      auto &list = tokens_[name];
      for (size_t i = 0; i < ids.size(); ++i) {
        if (!tokens[i].is_string()) bad_config("TemplateProcessing: a token is not a string");
        list.push_back({tokens[i].get<std::string>(), to_uint(ids[i], "an id")});
      }
    }
    read(array_member(j, "single"), single_);
    read(array_member(j, "pair"), pair_);
  }
  size_t added(bool pair) const override {
    size_t n = 0;
    for (const Piece &p : pair ? pair_ : single_)
      if (p.tokens) n += p.tokens->size();
    return n;
  }
  void run(std::vector<Encoding> &all, bool special) const override {
    if (all.empty() || all.size() > 2)
      bad_input("TemplateProcessing: wanted one text or two at this place of the sequence");
    std::vector<Encoding> out;
    for (const Piece &p : all.size() == 2 ? pair_ : single_) {
      if (!p.tokens) {
        if (p.sequence >= all.size()) bad_input("TemplateProcessing: the template wants a pair");
        out.push_back(all[p.sequence]);
        set_type(out.back(), p.type);
        set_sequence(out.back(), p.sequence);
      } else if (special) {
        Encoding together = repeated({0, 0, "", true}, 0, all[0].wanted);
        for (const Special &s : *p.tokens) append(together, token(s, p.type, all[0].wanted));
        out.push_back(std::move(together));
      }
    }
    all.swap(out);
  }

 private:
  struct Piece {
    const std::vector<Special> *tokens;  // nullptr: a text
    size_t sequence;
    uint32_t type;
  };
  void read(const Json &list, std::vector<Piece> &out) const {
    for (const Json &one : list) {
      if (const Json *sequence = optional_member(one, "Sequence")) {
        const std::string &id = string_member(*sequence, "id");
        if (id != "A" && id != "B") bad_config("TemplateProcessing: no sequence is called \"" + id + '"');
        out.push_back({nullptr, size_t(id == "B"), uint_member(*sequence, "type_id")});
        continue;
      }
      const Json &token = member(one, "SpecialToken");
      auto it = tokens_.find(string_member(token, "id"));
      if (it == tokens_.end()) bad_config("TemplateProcessing: no special token is called " + token.at("id").dump());
      out.push_back({&it->second, 0, uint_member(token, "type_id")});
    }
  }
  std::map<std::string, std::vector<Special>> tokens_;
  std::vector<Piece> single_, pair_;
};

class PostProcessorSequence final : public PostProcessor {
 public:
  explicit PostProcessorSequence(const Json &j) {
    for (const Json &one : array_member(j, "processors"))
      if (auto part = make_postprocessor(one)) parts_.push_back(std::move(part));
  }
  size_t added(bool pair) const override {
    size_t n = 0;
    for (const auto &part : parts_) n += part->added(pair);
    return n;
  }
  void run(std::vector<Encoding> &all, bool special) const override {
    for (const auto &part : parts_) part->run(all, special);
  }

 private:
  std::vector<std::unique_ptr<PostProcessor>> parts_;
};

}  // namespace

std::unique_ptr<PostProcessor> make_postprocessor(const Json &j) {
  if (j.is_null()) return nullptr;
  const std::string &type = string_member(j, "type");
  if (type == "BertProcessing") return std::make_unique<Bert>(j);
  if (type == "RobertaProcessing") return std::make_unique<Roberta>(j);
  if (type == "ByteLevel") return std::make_unique<ByteLevel>(j);
  if (type == "TemplateProcessing") return std::make_unique<Template>(j);
  if (type == "Sequence") return std::make_unique<PostProcessorSequence>(j);
  bad_config("no post-processor is called \"" + type + '"');
}

}  // namespace text
