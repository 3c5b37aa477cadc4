#include "tokenizer_arguments.h"

#include <algorithm>

#include "padding_arguments.h"

namespace text {
namespace {

// What was asked for, as it came; `resolve` makes options of it when all is known.
struct Asked {
  const mrun_value *text = nullptr, *pair = nullptr;
  bool pretokenized = false;
  std::optional<int64_t> max_length, stride, seed;
  std::optional<std::string> strategy, direction;
  PaddingAsked padding;
};

template <class T>
T as(const mrun::call &c, const mrun_value &v) {
  return mrun::kind<T>::from(c, v);
}

using Read = void (*)(const mrun::call &, const mrun_value &, TokenizerCall &, Asked &);
struct Parameter {
  const char *schema;
  unsigned ops;
  Read read;
};

template <auto member>
void asked(const mrun::call &c, const mrun_value &v, TokenizerCall &, Asked &a) {
  a.*member = as<std::remove_reference_t<decltype(a.*member)>>(c, v);
}
template <auto member>
void borrowed(const mrun::call &, const mrun_value &v, TokenizerCall &, Asked &a) {
  if (v.kind != MRUN_NIL) a.*member = &v;
}
template <auto member>
void padding(const mrun::call &c, const mrun_value &v, TokenizerCall &, Asked &a) {
  a.padding.*member = as<std::remove_reference_t<decltype(a.padding.*member)>>(c, v);
}
template <auto member>
void option(const mrun::call &c, const mrun_value &v, TokenizerCall &call, Asked &) {
  call.options.*member = as<bool>(c, v);
}
template <auto member>
void field(const mrun::call &c, const mrun_value &v, TokenizerCall &call, Asked &) {
  call.*member = as<bool>(c, v);
}

constexpr unsigned old = encode_1 | encode_batch_1 | tokenize_1, now = encode_2 | encode_batch_2,
                   with_fields = tokenize_2 | tokenize_batch_1, all = old | now | with_fields;

const Parameter parameters[] = {
    {"text.Tokenizer self", all,
     [](const mrun::call &c, const mrun_value &v, TokenizerCall &call, Asked &) {
       call.self = &mrun::kind<Tokenizer>::from(c, v);
     }},
    {"str text, *", encode_1 | tokenize_1, borrowed<&Asked::text>},
    {"Any text, *", encode_2 | tokenize_2, borrowed<&Asked::text>},
    {"str[] texts, *", encode_batch_1, borrowed<&Asked::text>},
    {"Any[] texts, *", encode_batch_2 | tokenize_batch_1, borrowed<&Asked::text>},
    {"str? pair=None", encode_1 | tokenize_1, borrowed<&Asked::pair>},
    {"Any pair=None", encode_2 | tokenize_2, borrowed<&Asked::pair>},
    {"bool is_pretokenized=False", encode_batch_2 | tokenize_batch_1, asked<&Asked::pretokenized>},
    {"bool special=True", all, option<&TokenizerOptions::special>},
    {"int? max_length=None", all, asked<&Asked::max_length>},
    {"bool parse_special=False", all, option<&TokenizerOptions::parse_special>},
    {"str unit='char'", tokenize_1 | with_fields,
     [](const mrun::call &c, const mrun_value &v, TokenizerCall &call, Asked &) {
       call.unit = offset_unit(as<std::string_view>(c, v));
     }},
    {"int? seed=None", all, asked<&Asked::seed>},
    {"str? strategy=None", now | with_fields, asked<&Asked::strategy>},
    {"str? direction=None", now | with_fields, asked<&Asked::direction>},
    {"int? stride=None", with_fields, asked<&Asked::stride>},
    {"bool overflowing=False", with_fields, option<&TokenizerOptions::overflowing>},
    {"Any padding=None", now | with_fields,
     [](const mrun::call &, const mrun_value &v, TokenizerCall &, Asked &a) {
       if (v.kind != MRUN_NIL) a.padding.padding = &v;
     }},
    {"int? pad_to_multiple_of=None", now | with_fields, padding<&PaddingAsked::multiple_of>},
    {"str? padding_side=None", now | with_fields, padding<&PaddingAsked::side>},
    {"str? pad_token=None", now | with_fields, padding<&PaddingAsked::pad_token>},
    {"bool attention_mask=False", with_fields, field<&TokenizerCall::attention_mask>},
    {"bool special_tokens_mask=False", with_fields, field<&TokenizerCall::special_tokens_mask>},
    {"bool word_ids=False", with_fields, field<&TokenizerCall::word_ids>},
    {"bool sequence_ids=False", with_fields, field<&TokenizerCall::sequence_ids>},
};

// ---- texts ----------------------------------------------------------------------------------------------------------

std::string_view text_of(const mrun::call &c, const mrun_value &v) {
  const auto s = as<std::string_view>(c, v);
  admit(c, s, memory_per_byte);
  return s;
}

Input input_of(const mrun::call &c, const mrun_value &v, const char *what) {
  if (v.kind == MRUN_STRING) return text_of(c, v);
  const auto words = [&](const mrun_value &word) {
    if (word.kind != MRUN_STRING)
      mrun::refuse(std::string(what) + ": wanted a list of words, got " + mrun::came_text(word) + " in it");
    return text_of(c, word);
  };
  if (v.kind != MRUN_LIST)
    mrun::refuse(std::string(what) + ": wanted a string or a list of words, got " + mrun::came_text(v));
  Words out;
  for (size_t i = 0; i < v.as.list.size; ++i) out.push_back(words(v.as.list.items[i]));
  return out;
}

bool is_pair(const mrun_value &v, bool pretokenized) {
  if (v.kind != MRUN_LIST || v.as.list.size != 2) return false;
  return !pretokenized || (v.as.list.items[0].kind == MRUN_LIST && v.as.list.items[1].kind == MRUN_LIST);
}

// An item of a batch: a text, {text, pair}; of words where the batch is pretokenized.
void add_item(const mrun::call &c, const mrun_value &v, bool pretokenized, TokenizerCall &call) {
  const std::string what = "texts[" + std::to_string(call.texts.size() + 1) + "]";
  if (is_pair(v, pretokenized)) {
    call.texts.push_back(input_of(c, v.as.list.items[0], what.c_str()));
    call.pairs.emplace_back(input_of(c, v.as.list.items[1], what.c_str()));
    return;
  }
  if (!pretokenized && v.kind != MRUN_STRING)
    mrun::refuse(what + ": wanted a string or a pair of them, {first, second}, got " + mrun::came_text(v) +
                 "; a list of words needs is_pretokenized = true");
  call.texts.push_back(input_of(c, v, what.c_str()));
  call.pairs.emplace_back();
}

void read_texts(const mrun::call &c, const Asked &a, bool batch, TokenizerCall &call) {
  if (batch) {
    for (size_t i = 0; i < a.text->as.list.size; ++i) add_item(c, a.text->as.list.items[i], a.pretokenized, call);
    return;
  }
  if (!a.text) mrun::refuse("text: wanted a string or a list of words, got nil");
  call.texts.push_back(input_of(c, *a.text, "text"));
  call.pairs.emplace_back();
  if (a.pair) call.pairs[0] = input_of(c, *a.pair, "pair");
}

// ---- cutting and padding --------------------------------------------------------------------------------------------

Truncation::Strategy strategy_called(const std::string &name) {
  if (name == "longest_first") return Truncation::longest_first;
  if (name == "only_first") return Truncation::only_first;
  if (name == "only_second") return Truncation::only_second;
  mrun::refuse("strategy: wanted \"longest_first\", \"only_first\" or \"only_second\", got \"" + name + '"');
}

void resolve_truncation(const Asked &a, TokenizerCall &call) {
  TokenizerOptions &o = call.options;
  if (!a.max_length && !a.strategy && !a.direction && !a.stride) return;
  o.truncation = call.self->truncation();
  if (!o.truncation && !a.max_length)
    mrun::refuse("strategy, direction and stride need max_length, as the tokenizer.json has no truncation");
  if (!o.truncation) o.truncation.emplace();
  if (a.max_length) o.truncation->max_length = count_of(*a.max_length, "max_length");
  if (a.strategy) o.truncation->strategy = strategy_called(*a.strategy);
  if (a.direction) o.truncation->left = is_left_side(*a.direction, "direction");
  if (a.stride) o.truncation->stride = count_of(*a.stride, "stride");
}

void resolve_padding(const Asked &a, TokenizerCall &call) {
  TokenizerOptions &o = call.options;
  const Tokenizer &t = *call.self;
  const auto &truncation = o.truncation ? o.truncation : t.truncation();
  o.padded = !a.padding.is_unwanted();
  call.padding_asked = a.padding.is_wanted();
  PaddingGiven given{t.padding(), std::nullopt, [&](const std::string &token) { return t.id(token); },
                     [&]() -> std::string {
                       for (const std::string &name : {t.pad_token(), std::string("[PAD]"), std::string("<pad>")})
                         if (!name.empty() && t.id(name)) return name;
                       mrun::refuse(
                           "padding: the tokenizer says nothing of padding and has neither \"[PAD]\" nor "
                           "\"<pad>\": name the token with pad_token");
                     }};
  if (truncation) given.max_length = truncation->max_length;
  o.padding = padding_of(a.padding, given);
}

}  // namespace

TokenizerOptions TokenizerCall::options_of(size_t i) const {
  TokenizerOptions o = options;
  o.pair = pairs[i];
  o.number = i;
  return o;
}

std::string parameters_of(TokenizerOp op) {
  std::string s;
  for (const Parameter &p : parameters)
    if (p.ops & op) s += (s.empty() ? "" : ", ") + std::string(p.schema);
  return s;
}

TokenizerCall read_call(const mrun::call &c, TokenizerOp op, const mrun_value *args) {
  TokenizerCall call;
  Asked a;
  for (const Parameter &p : parameters)
    if (p.ops & op) p.read(c, *args++, call, a);
  read_texts(c, a, op & (encode_batch_1 | encode_batch_2 | tokenize_batch_1), call);
  resolve_truncation(a, call);
  resolve_padding(a, call);
  call.attention_mask = call.attention_mask || call.padding_asked;
  call.word_ids = call.word_ids || std::any_of(call.texts.begin(), call.texts.end(),
                                               [](const Input &text) { return std::holds_alternative<Words>(text); });
  call.options.marks = call.attention_mask || call.special_tokens_mask || call.word_ids || call.sequence_ids;
  if (call.self->draws()) call.options.seed = a.seed ? uint64_t(*a.seed) : c.seed();
  return call;
}

}  // namespace text
