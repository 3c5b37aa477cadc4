// The library from the command line, for tests that compare it with other implementations:
//   text_cli sentencepiece|tokenizer_json|wordpiece|tiktoken MODEL OPERATION [OPTIONS], text_cli unicode|regex|ruby - OPERATION|PATTERN
// reads one JSON value a line from standard input, writes one a line; an error is {"error": code, "message": text}.
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>

#include "regex.h"
#include "sentencepiece.h"
#include "tokenizer.h"
#include "unicode/cases.h"
#include "unicode/graphemes.h"
#include "unicode/normalize.h"
#include "utf8.h"
#include "vocabularies.h"

using nlohmann::json;

static std::string read_file(const char *path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream all;
  all << in.rdbuf();
  return all.str();
}

static json to_json(const text::Encoding &e) {
  json offsets = json::array();
  for (auto o : e.offsets) offsets.push_back({o.begin, o.end});
  json j = {{"ids", e.ids}, {"types", e.types}, {"offsets", offsets}, {"pieces", e.pieces}};
  if (!e.wanted.marks) return j;
  j.update({{"words", e.words}, {"sequences", e.sequences}, {"special", e.special}, {"attention", e.attention}});
  return j;
}

static text::OffsetUnit unit(const json &options) {
  return options.value("unit", "char") == "byte" ? text::OffsetUnit::byte : text::OffsetUnit::character;
}

static json run(const text::SentencePiece &sp, const std::string &operation, const json &options, const json &input) {
  text::SentencePieceOptions o;
  o.add_bos = options.value("add_bos", false);
  o.add_eos = options.value("add_eos", false);
  o.reverse = options.value("reverse", false);
  o.emit_unk_piece = options.value("emit_unk_piece", false);
  if (options.value("enable_sampling", false))
    o.sampling = {options.value("nbest_size", -1), options.value("alpha", 0.1F), options.value("seed", 0U)};
  if (input.is_string()) text::require_utf8(input.get_ref<const std::string &>(), "the text");
  if (operation == "encode") return sp.encode(input.get<std::string>(), o);
  if (operation == "tokenize") return to_json(sp.tokenize(input.get<std::string>(), o, unit(options)));
  if (operation == "decode") return sp.decode(input.get<std::vector<int>>());
  if (operation == "piece") return sp.piece(input.get<int>());
  if (operation == "id") return sp.id(input.get<std::string>());
  if (operation == "special") return {sp.size(), sp.unk(), sp.bos(), sp.eos(), sp.pad()};
  throw std::runtime_error("no such operation: " + operation);
}

static std::string around(char32_t c) {
  std::string s = "a";
  text::utf8_append(s, c);
  return s + "b";
}

struct Unicode {};

static json run(const Unicode &, const std::string &operation, const json &, const json &input) {
  using namespace text::unicode;
  const auto s = input.get<std::string>();
  if (operation == "nfc") return normalize(s, Form::nfc);
  if (operation == "nfd") return normalize(s, Form::nfd);
  if (operation == "nfkc") return normalize(s, Form::nfkc);
  if (operation == "nfkd") return normalize(s, Form::nfkd);
  if (operation == "lower") return lower(s);
  if (operation == "upper") return upper(s);
  if (operation == "fold") return fold(s);
  if (operation != "graphemes") throw std::runtime_error("no such operation: " + operation);
  json out = json::array();
  for (size_t at = 0, end; at < s.size(); at = end) {
    end = grapheme_end(s, at);
    out.push_back(s.substr(at, end - at));
  }
  return out;
}

// What a pattern matches in a text, match by match; false for groups that took no part.
static json run(const text::Regex &regex, const std::string &, const json &, const json &input) {
  const auto s = input.get<std::string>();
  json out = json::array();
  regex.each(s, [&](const std::vector<text::Span> &groups) {
    json match = json::array();
    for (text::Span g : groups)
      match.push_back(g.begin == text::no_match ? json(false) : json(s.substr(g.begin, g.end - g.begin)));
    out.push_back(match);
    return true;
  });
  return out;
}

template <class F>
static void each_character(F f) {
  for (char32_t c = 0; c < 0x110000; ++c)
    if (c < 0xd800 || c > 0xdfff) f(c);
}

// [code point, what it becomes between two letters] for each that the tokenizer's normalizer changes.
static json every_character(const text::Tokenizer &t) {
  json out = json::array();
  each_character([&](char32_t c) {
    std::string now = t.normalized(around(c));
    if (now != around(c)) out.push_back({c, now});
  });
  return out;
}

static text::Input input_of(const json &j) {
  if (j.is_string()) return std::string_view(j.get_ref<const std::string &>());
  text::Words words;
  for (const json &word : j) words.emplace_back(word.get_ref<const std::string &>());
  return words;
}

// An item is "text", ["text", "pair"] or a list of ids; [["word", …]] and [["word", …], ["word", …]] are of words.
static bool is_ids(const json &item) { return item.is_array() && (item.empty() || item[0].is_number()); }

// Calls f(text, options) for an item.
template <class F>
static auto with_options(const json &options, const json &item, F f) {
  text::TokenizerOptions o;
  if (item.is_array() && item.size() == 2) o.pair = input_of(item[1]);
  o.special = options.value("special", true);
  o.parse_special = options.value("parse_special", false);
  o.marks = options.value("marks", false);
  o.seed = options.value("seed", 0U);
  if (options.contains("max_length")) o.truncation = text::Truncation{options["max_length"].get<uint32_t>()};
  return f(input_of(item.is_array() ? item[0] : item), o);
}

static text::Encoding encoding(const text::Tokenizer &t, const json &options, const json &input) {
  return with_options(options, input, [&](const text::Input &s, text::TokenizerOptions o) {
    if (options.contains("stride")) {
      o.overflowing = true;
      o.truncation = t.truncation().value_or(text::Truncation{UINT32_MAX});
      o.truncation->stride = options["stride"].get<uint32_t>();
    }
    return t.tokenize(s, o, unit(options));
  });
}

static json run(const text::Tokenizer &t, const std::string &operation, const json &options, const json &input) {
  if (operation == "encode")
    return with_options(options, input,
                        [&](const text::Input &s, const text::TokenizerOptions &o) { return t.encode(s, o); });
  if (operation == "numbered")  // each line as a text of one batch
    return with_options(options, input, [&](const text::Input &s, text::TokenizerOptions o) {
      static uint64_t lines = 0;
      o.number = lines++;
      return t.encode(s, o);
    });
  if (operation == "tokenize") return to_json(encoding(t, options, input));
  if (operation == "decode") return t.decode(input.get<std::vector<int64_t>>(), options.value("skip_special", true));
  if (operation == "piece") return t.piece(input.get<uint32_t>()) ? json(*t.piece(input.get<uint32_t>())) : json();
  if (operation == "id") {
    const auto id = t.id(input.get<std::string>());
    return id ? json(*id) : json();
  }
  if (operation == "size") return t.size();
  if (operation == "normalize") return every_character(t);
  throw std::runtime_error("no such operation: " + operation);
}

// One request of `compare`: the texts are one batch, pairs are by themselves.
static json answers(const json &request) {
  const text::Tokenizer t(read_file(request["path"].get<std::string>().c_str()));
  const json options = {{"special", request["special"]}, {"parse_special", true}, {"marks", true}};
  const json &items = request["items"];
  std::vector<text::Encoding> batch;
  json out = json::array();
  for (const json &item : items) {
    out.push_back(json::object());
    if (is_ids(item)) continue;
    text::Encoding e = encoding(t, options, item);
    if (json(e.ids) != run(t, "encode", options, item)) throw std::runtime_error("encode and tokenize differ");
    if (item.is_string()) {
      batch.push_back(std::move(e));
    } else {
      out.back() = to_json(e);
    }
  }
  t.pad_batch(batch, {});
  for (size_t i = 0, next = 0; i < items.size(); ++i) {
    if (items[i].is_string()) out[i] = to_json(batch[next++]);
    const auto ids = (is_ids(items[i]) ? items[i] : out[i]["ids"]).get<std::vector<int64_t>>();
    out[i]["keep"] = t.decode(ids, false);
    out[i]["skip"] = t.decode(ids, true);
  }
  return out;
}

// Each item of a request by itself; {"error": message} where it has no answer.
static json answers_alone(const json &request) {
  json out = json::array();
  auto attempt = [&](auto &&f) {
    try {
      f();
    } catch (const text::Error &e) { out.push_back({{"error", e.text}}); }
  };
  std::unique_ptr<text::Tokenizer> t;
  json options = {{"special", request["special"]}, {"parse_special", true}, {"marks", true}};
  if (request.contains("stride")) options["stride"] = request["stride"];
  for (const json &item : request["items"])
    attempt([&] {
      if (!t) t = std::make_unique<text::Tokenizer>(request["config"].get<std::string>());
      const text::Encoding e = encoding(*t, options, item);
      json answer = to_json(e);
      for (const text::Encoding &part : e.overflowing) answer["overflowing"].push_back(to_json(part));
      const auto ids = answer["ids"].get<std::vector<int64_t>>();
      answer["keep"] = t->decode(ids, false);
      answer["skip"] = t->decode(ids, true);
      out.push_back(std::move(answer));
    });
  return out;
}

// As hf.js does under this name: a request a line; an answer a line for each item.
static void compare() {
  for (std::string line; std::getline(std::cin, line);) {
    const json request = json::parse(line);
    for (const json &answer : request.contains("config") ? answers_alone(request) : answers(request))
      std::cout << answer.dump() << '\n';
    std::cout.flush();
  }
}

template <class Model>
static void serve(const Model &model, const std::string &operation, const json &options) {
  for (std::string line; std::getline(std::cin, line);) {
    json answer;
    try {
      answer = run(model, operation, options, json::parse(line));
    } catch (const text::Error &e) { answer = {{"error", e.code}, {"message", e.text}}; }
    std::cout << answer.dump() << '\n';
  }
}

int main(int count, char **args) try {
  if (count == 2 && args[1] == std::string("compare")) {
    std::ios::sync_with_stdio(false);
    compare();
    return 0;
  }
  if (count < 4) throw std::runtime_error("usage: text_cli KIND MODEL OPERATION [OPTIONS]");
  const std::string kind = args[1], operation = args[3], model = read_file(args[2]);
  const json options = count > 4 ? json::parse(args[4]) : json::object();
  std::ios::sync_with_stdio(false);
  if (kind == "sentencepiece") serve(text::SentencePiece(model), operation, options);
  if (kind == "unicode") serve(Unicode(), operation, options);
  if (kind == "regex") serve(text::Regex(operation), "", options);
  if (kind == "ruby") serve(text::Regex(operation, text::Dialect::ruby), "", options);
  if (kind == "tokenizer_json") serve(text::Tokenizer(model), operation, options);
  if (kind == "wordpiece") {
    text::WordPieceOptions o;
    o.lower = options.value("lower", true);
    serve(*text::read_wordpiece(model, o), operation, options);
  }
  if (kind == "tiktoken")
    serve(*text::read_tiktoken(model, {options["pattern"].get<std::string>(), std::nullopt}), operation, options);
  return 0;
} catch (const std::exception &e) {
  std::cerr << "text_cli: " << e.what() << '\n';
  return 1;
}
