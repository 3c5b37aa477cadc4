#include "vocabularies.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base64.h"
#include "polling.h"
#include "utf8.h"

namespace text {
namespace {

// f(line) for each: lines end with \n, \r\n or \r.
template <class F>
void each_line(std::string_view s, F f) {
  while (!s.empty()) {
    const size_t end = std::min(s.find_first_of("\r\n"), s.size());
    f(s.substr(0, end));
    const bool two = s.substr(end, 2) == "\r\n";
    s.remove_prefix(std::min(end + (two ? 2 : 1), s.size()));
    Polling::now();
  }
}

Json special_token(const std::string &content, uint32_t id) {
  return {{"id", id}, {"content", content}, {"special", true}, {"normalized", false}};
}

// ---- vocab.txt ------------------------------------------------------------------------------------------------------

[[noreturn]] void bad_vocabulary(const std::string &what) { bad_input("vocab.txt: " + what); }

Json vocabulary_of(std::string_view s) {
  if (s.starts_with("{")) bad_vocabulary("it looks like a tokenizer.json: text.tokenizer_json opens those");
  if (s.starts_with("\n\x0e\n")) bad_vocabulary("it looks like a sentencepiece model: text.sentencepiece opens those");
  require_utf8(s, "vocab.txt");
  Json out = Json::object();
  size_t count = 0;
  each_line(s, [&](std::string_view line) { out[std::string(line)] = count++; });
  if (count > max_ids) bad_vocabulary("it has more than " + std::to_string(max_ids) + " lines");
  return out;
}

Json token_and_id(const Json &vocabulary, const std::string &token, const char *option) {
  const auto it = vocabulary.find(token);
  if (it == vocabulary.end())
    bad_vocabulary("it has no token \"" + token + "\"; " + option + " says what it is called there");
  return {token, *it};
}

// ---- tiktoken -------------------------------------------------------------------------------------------------------

struct NamedEncoding {
  std::string_view name, pattern;
  std::map<std::string, uint32_t> special;
};

const NamedEncoding *encoding_called(std::string_view name) {
  static constexpr std::string_view gpt2 =
      R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
  static constexpr std::string_view cl100k =
      R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
  static constexpr std::string_view o200k =
      R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
      R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
      R"(\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
  static const NamedEncoding all[] = {
      {"gpt2", gpt2, {{"<|endoftext|>", 50256}}},
      {"r50k_base", gpt2, {{"<|endoftext|>", 50256}}},
      {"p50k_base", gpt2, {{"<|endoftext|>", 50256}}},
      {"cl100k_base",
       cl100k,
       {{"<|endoftext|>", 100257},
        {"<|fim_prefix|>", 100258},
        {"<|fim_middle|>", 100259},
        {"<|fim_suffix|>", 100260},
        {"<|endofprompt|>", 100276}}},
      {"o200k_base", o200k, {{"<|endoftext|>", 199999}, {"<|endofprompt|>", 200018}}},
  };
  for (const NamedEncoding &e : all)
    if (e.name == name) return &e;
  return nullptr;
}

[[noreturn]] void bad_line(size_t number, const std::string &what) {
  bad_input("tiktoken: line " + std::to_string(number) + ": " + what);
}

std::pair<std::string, uint32_t> token_of(std::string_view line, size_t number) {
  constexpr size_t longest = 1024;
  const size_t space = line.find(' ');
  const std::string_view word = line.substr(0, space), rank = space == line.npos ? "" : line.substr(space + 1);
  const auto bytes = from_base64(word);
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(rank.data(), rank.data() + rank.size(), value);
  if (!bytes || bytes->empty() || rank.empty() || error != std::errc() || end != rank.data() + rank.size())
    bad_line(number, "wanted a token in Base64, a space and its rank");
  if (value >= max_ids) bad_line(number, "the rank is above " + std::to_string(max_ids - 1));
  if (bytes->size() > longest) bad_line(number, "the token is longer than " + std::to_string(longest) + " bytes");
  return {*bytes, value};
}

Ranks read_ranks(std::string_view file) {
  Ranks out;
  std::array<bool, 256> bytes{};
  size_t number = 0;
  each_line(file, [&](std::string_view line) {
    ++number;
    if (line.empty()) return;
    out.push_back(token_of(line, number));
    const std::string &token = out.back().first;
    if (token.size() == 1) bytes[static_cast<unsigned char>(token[0])] = true;
  });
  for (size_t b = 0; b < bytes.size(); ++b)
    if (!bytes[b]) bad_input("tiktoken: byte " + std::to_string(b) + " has no token, so not every text can be encoded");
  return out;
}

}  // namespace

std::unique_ptr<Tokenizer> read_wordpiece(std::string_view vocabulary, const WordPieceOptions &o) {
  const Json vocab = vocabulary_of(vocabulary);
  TokenizerParts p;
  Json added = Json::array();
  for (const auto &[token, option] : {std::pair(o.unknown, "unk_token"), {o.cls, "cls_token"}, {o.sep, "sep_token"}})
    added.push_back(special_token(token, token_and_id(vocab, token, option)[1]));
  const WordPieceOptions usual;
  for (const auto &[token, otherwise, option] :
       {std::tuple(o.pad, usual.pad, "pad_token"), {o.mask, usual.mask, "mask_token"}})
    if (vocab.contains(token) || token != otherwise)  // what is asked for by name must be there
      added.push_back(special_token(token, token_and_id(vocab, token, option)[1]));
  p.normalizer = make_normalizer({{"type", "BertNormalizer"},
                                  {"clean_text", o.clean_text},
                                  {"handle_chinese_chars", o.handle_chinese_chars},
                                  {"strip_accents", o.strip_accents ? Json(*o.strip_accents) : Json()},
                                  {"lowercase", o.lower}});
  p.pretokenizer = make_pretokenizer({{"type", "BertPreTokenizer"}});
  p.postprocessor = make_postprocessor({{"type", "BertProcessing"},
                                        {"sep", token_and_id(vocab, o.sep, "sep_token")},
                                        {"cls", token_and_id(vocab, o.cls, "cls_token")}});
  p.decoder = make_decoder({{"type", "WordPiece"}, {"prefix", "##"}, {"cleanup", true}});
  p.model = make_wordpiece({{"vocab", vocab}, {"unk_token", o.unknown}});
  p.added = AddedTokens(added, p.model->vocabulary(), p.normalizer.get());
  p.pad = o.pad;
  return std::make_unique<Tokenizer>(std::move(p));
}

std::unique_ptr<Tokenizer> read_tiktoken(std::string_view file, const TiktokenOptions &o) {
  const NamedEncoding *known = encoding_called(o.pattern);
  const Ranks ranks = read_ranks(file);
  const auto &named = o.special ? *o.special : known ? known->special : std::map<std::string, uint32_t>();
  const Ranks special(named.begin(), named.end());
  TokenizerParts p;
  p.pretokenizer = make_byte_splitter(known ? std::string(known->pattern) : o.pattern);
  p.decoder = make_decoder({{"type", "ByteLevel"}});
  p.model = make_ranked_bpe(ranks, special);
  Json added = Json::array();
  for (const auto &[token, id] : special) added.push_back(special_token(token, id));
  p.added = AddedTokens(added, p.model->vocabulary(), nullptr);
  return std::make_unique<Tokenizer>(std::move(p));
}

}  // namespace text
