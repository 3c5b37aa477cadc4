// Time that grows as the text does, on texts made to be hard: counted in the program's own steps (basic blocks, by the
// compiler's instrumentation of the library), so that the machine's load plays no part.
#include <algorithm>
#include <atomic>
#include <cstring>
#include <functional>
#include <random>

#include "catch.h"
#include "config.h"
#include "sentencepiece.h"
#include "tokenizer.h"
#include "unicode.h"

namespace {
std::atomic<uint64_t> steps;
}
extern "C" void __sanitizer_cov_trace_pc();
extern "C" void __sanitizer_cov_trace_pc() { steps.fetch_add(1, std::memory_order_relaxed); }

namespace {

using text::Json;

constexpr size_t small = 4 << 10, times = 8;

std::string repeated(const std::string &s, size_t bytes) {
  std::string out;
  while (out.size() < bytes) out += s;
  return out;
}

// What the texts repeat.
const std::vector<std::string> hard = {"a",
                                       "ab",
                                       "##",
                                       " ",
                                       "\t \n",
                                       "7",
                                       "'",
                                       "'s",
                                       "\xe7\x9a\x84",
                                       "e\xcc\x81",
                                       "\xcc\x81\xcc\xa3",
                                       "\xf0\x9f\x98\x80",
                                       "A",
                                       "aB",
                                       " a",
                                       "a  ",
                                       "\xe3\x80\x80",
                                       "!",
                                       "aaab",
                                       "\xe2\x96\x81",
                                       "\xef\xbf\xbd",
                                       "\xea\xb0\x80",
                                       "[SEP",
                                       "x\r\n"};

uint64_t steps_of(const text::Tokenizer &t, const std::string &s) {
  const uint64_t before = steps;
  text::TokenizerOptions o;
  o.parse_special = true;
  const text::Encoding e = t.tokenize(s, o, text::OffsetUnit::character);
  t.decode(e.ids, true);
  return steps - before;
}

void check_growth(const Json &config, const std::string &what, double most = 1.1) {
  const text::Tokenizer t(config.dump());
  for (const std::string &unit : hard) {
    const uint64_t one = steps_of(t, repeated(unit, small)), many = steps_of(t, repeated(unit, small * times));
    INFO(what << ", \"" << unit << "\": " << one << " steps, for " << times << " times the text " << many);
    REQUIRE(one > small / 8);
    CHECK(double(many) <= double(one) * times * most);
  }
}

Json tokenizer(const Json &model, const Json &normalizer, const Json &pretokenizer, const Json &decoder) {
  return {{"added_tokens",
           {{{"id", 0}, {"content", "[SEP]"}, {"special", true}},
            {{"id", 1}, {"content", "aaaaaaaaaaaaaaaab"}, {"special", false}, {"normalized", true}}}},
          {"normalizer", normalizer},
          {"pre_tokenizer", pretokenizer},
          {"model", model},
          {"post_processor", {{"type", "ByteLevel"}}},
          {"decoder", decoder}};
}

// Letters, and merges that join two tokens of their kind again and again.
Json bpe(bool in_order) {
  Json vocab, merges = Json::array();
  auto add = [&](const std::string &token) {
    if (!vocab.contains(token)) vocab[token] = vocab.size();
  };
  auto merge = [&](const std::string &a, const std::string &b) {
    add(a);
    add(b);
    add(a + b);
    merges.push_back({a, b});
  };
  add("<unk>");
  for (char c : std::string("aAbBsx7!'#[SEP")) add(std::string(1, c));
  for (const std::string unit : {"a", "7", "!", "#", "\xc4\xa0", "\xe2\x96\x81", "'", "\xc3\x83"})
    for (std::string token = unit; token.size() < 300; token += token) merge(token, token);
  merge("a", "aa");
  merge("aab", "aab");
  merge("aa", "b");
  if (in_order) std::swap(merges[merges.size() - 1], merges[merges.size() - 2]);
  return {{"type", "BPE"}, {"unk_token", "<unk>"}, {"vocab", vocab}, {"merges", merges}};
}

Json wordpiece() {
  Json vocab = {{"[UNK]", 0}};
  for (const std::string prefix : {"", "##"})
    for (const std::string unit : {"a", "7", "#", "!", "'", "b", "ab", "\xe7\x9a\x84"})
      for (std::string token = unit; token.size() < 90; token += token)
        if (!vocab.contains(prefix + token)) vocab[prefix + token] = vocab.size();
  return {{"type", "WordPiece"}, {"unk_token", "[UNK]"}, {"max_input_chars_per_word", 100000000}, {"vocab", vocab}};
}

Json unigram() {
  Json vocab = Json::array({Json::array({"<unk>", 0})});
  for (const std::string unit : {"a", "7", "#", "\xe2\x96\x81", "ab"})
    for (std::string token = unit; token.size() <= 16; token += unit)
      vocab.push_back({token, -1.0 - double(token.size())});
  return {{"type", "Unigram"}, {"unk_id", 0}, {"vocab", vocab}};
}

const Json byte_level = {
    {"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", true}, {"use_regex", true}};
const Json wordpiece_decoder = {{"type", "WordPiece"}, {"prefix", "##"}, {"cleanup", true}};

Json split(const std::string &pattern, const std::string &behavior = "Isolated") {
  return {{"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", behavior}, {"invert", false}};
}

// Words of ASCII that std::hash, which anybody can compute, tells apart as little as it can (MurmurHash64A of libstdc++:
// behind any eight bytes there are eight that lead to the hash wanted).
std::vector<std::string> colliding(size_t count) {
  constexpr uint64_t m = 0xc6a4a7935bd1e995, seed = 0xc70f6907, length = 16;
  uint64_t inverse = m;
  for (int i = 0; i < 5; ++i) inverse *= 2 - m * inverse;
  const auto mixed = [](uint64_t k, uint64_t factor) {
    k *= factor;
    return (k ^ k >> 47) * factor;
  };
  std::vector<std::string> out;
  std::mt19937_64 random(1);
  while (out.size() < count) {
    std::string word;
    for (int i = 0; i < 8; ++i) word += char('a' + random() % 26);
    uint64_t first = 0;
    std::memcpy(&first, word.data(), sizeof first);
    const uint64_t second = mixed((((seed ^ length * m) ^ mixed(first, m)) * m) ^ 1, inverse);
    word.append(reinterpret_cast<const char *>(&second), sizeof second);
    const bool readable = std::all_of(word.begin(), word.end(), [](char c) { return c > ' ' && c <= '~'; });
    if (readable) out.push_back(word);
  }
  return out;
}

uint64_t steps_to_read(const std::vector<std::string> &words) {
  Json vocab = {{"<unk>", 0}};
  for (const std::string &word : words) vocab[word] = vocab.size();
  const std::string file = tokenizer({{"type", "WordLevel"}, {"vocab", vocab}}, nullptr, nullptr, nullptr).dump();
  const uint64_t before = steps;
  const text::Tokenizer t(file);
  return steps - before;
}

}  // namespace

TEST_CASE("models take linear time") {
  const Json raw = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}};
  check_growth(tokenizer(bpe(true), nullptr, raw, byte_level), "BPE, one word");
  check_growth(tokenizer(bpe(true), nullptr, byte_level, byte_level), "BPE");
  check_growth(tokenizer(bpe(true), nullptr, nullptr, {{"type", "BPEDecoder"}, {"suffix", "a"}}), "BPE of characters");
  // Merges in an order that no training gives: n log n.
  check_growth(tokenizer(bpe(false), nullptr, raw, byte_level), "BPE, merges out of order", 1.4);
  check_growth(tokenizer(wordpiece(), nullptr, nullptr, wordpiece_decoder), "WordPiece, one word");
  check_growth(tokenizer(wordpiece(), nullptr, {{"type", "BertPreTokenizer"}}, wordpiece_decoder), "WordPiece");
  check_growth(tokenizer(unigram(), nullptr, nullptr, {{"type", "Metaspace"}, {"replacement", "\xe2\x96\x81"}}),
               "Unigram");
}

TEST_CASE("pre-tokenizers take linear time") {
  const std::string gpt2 = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
  const std::string gpt4 =
      R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
  std::vector<Json> all = {byte_level, split(gpt2), split(gpt4), split(R"(\s+|\d)", "MergedWithNext"),
                           split(R"(\w+|[^\w\s]+)", "Contiguous")};
  for (const char *type :
       {"Whitespace", "WhitespaceSplit", "BertPreTokenizer", "UnicodeScripts", "Punctuation", "Digits", "FixedLength"})
    all.push_back({{"type", type}});
  all.push_back({{"type", "Metaspace"}, {"replacement", "\xe2\x96\x81"}, {"prepend_scheme", "first"}});
  all.push_back({{"type", "CharDelimiterSplit"}, {"delimiter", "a"}});
  for (const char *behavior : {"Removed", "MergedWithPrevious", "MergedWithNext", "Contiguous"})
    all.push_back({{"type", "Punctuation"}, {"behavior", behavior}});
  all.push_back(
      {{"type", "Sequence"}, {"pretokenizers", {{{"type", "Digits"}, {"individual_digits", true}}, byte_level}}});
  for (const Json &one : all) check_growth(tokenizer(bpe(true), nullptr, one, nullptr), one.dump());
}

TEST_CASE("normalizers take linear time") {
  std::vector<Json> all = {{{"type", "BertNormalizer"}}, {{"type", "Prepend"}, {"prepend", "x"}}};
  for (const char *type : {"NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Nmt", "Strip", "ByteLevel"})
    all.push_back({{"type", type}});
  all.push_back({{"type", "Replace"}, {"pattern", {{"String", "a"}}}, {"content", "bb"}});
  all.push_back({{"type", "Replace"}, {"pattern", {{"Regex", " {2,}"}}}, {"content", " "}});
  for (const Json &one : all) check_growth(tokenizer(unigram(), one, nullptr, nullptr), one.dump(), 1.25);
}

TEST_CASE("half a million bytes pass through the patterns of known tokenizers") {
  // What PCRE2 does is not counted: its own limit on steps would end a match that explodes.
  const std::string o200k =
      R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
  const text::Tokenizer t(
      tokenizer(bpe(true), nullptr, {{"type", "Sequence"}, {"pretokenizers", {split(o200k), byte_level}}}, nullptr)
          .dump());
  for (const std::string &unit : hard) {
    INFO(unit);
    CHECK(!t.encode(repeated(unit, 1 << 19), {}).empty());
  }
}

TEST_CASE("a vocabulary made to collide is read like any other", "[text]") {
  constexpr size_t few = 500;
  const std::vector<std::string> many = colliding(few * times);
  REQUIRE(std::hash<std::string>{}(many[0]) == std::hash<std::string>{}(many.back()));
  const uint64_t one = steps_to_read({many.begin(), many.begin() + few}), all = steps_to_read(many);
  INFO(one << " steps, for " << times << " times the words " << all);
  CHECK(double(all) <= double(one) * times * 1.5);  // the reader of JSON sorts
}
