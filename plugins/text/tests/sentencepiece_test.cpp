// What a sentencepiece model refuses; equality with Python is shown by sentencepiece_oracle_test.py.
#include "sentencepiece.h"

#include <cmath>
#include <functional>

#include "catch.h"
#include "charsmap.h"
#include "utf8.h"

namespace {

std::string field(int number, const std::string &bytes) {
  return std::string{char(number << 3 | 2), char(bytes.size())} + bytes;
}
std::string piece(const std::string &text, const char *score, char type) {
  return field(1, field(1, text) + std::string("\x15") + std::string(score, 4) + std::string{'\x18', type});
}
const char zero[] = "\0\0\0";
const char not_a_number[] = "\0\0\xc0\x7f";

// <unk> <s> </s> and three letters, unigram.
std::string small_model() {
  return piece("<unk>", zero, 2) + piece("<s>", zero, 3) + piece("</s>", zero, 3) + piece("a", zero, 1) +
         piece("b", zero, 1) + piece("\xe2\x96\x81", zero, 1);
}

std::string message_of(const std::function<void()> &f) {
  try {
    f();
  } catch (const text::Error &e) { return e.text; }
  return "";
}

}  // namespace

TEST_CASE("a small model") {
  text::SentencePiece model(small_model());
  CHECK(model.size() == 6);
  CHECK(model.encode("ab", {}) == std::vector<int>{5, 3, 4});
  CHECK(model.decode({5, 3, 4}) == "ab");
  CHECK(model.encode("", {}).empty());
  CHECK(model.decode({}).empty());
  CHECK(model.pad() == -1);
}

TEST_CASE("ids outside the model are refused") {
  text::SentencePiece model(small_model());
  CHECK(message_of([&] { (void)model.piece(6); }) == "sentencepiece: id 6 is not in the model; wanted 0 to 5");
  CHECK(!message_of([&] { (void)model.piece(-1); }).empty());
  CHECK(!message_of([&] { (void)model.decode({3, 1 << 30}); }).empty());
}

TEST_CASE("what is not a model is refused") {
  const std::string good = small_model();
  CHECK(message_of([] { text::SentencePiece m(""); }) == "not a sentencepiece model: it has no pieces");
  CHECK(message_of([] { text::SentencePiece m("{\"version\": \"1.0\"}"); }) ==
        "not a sentencepiece model: it looks like a tokenizer.json: text.tokenizer_json opens those");
  CHECK(!message_of([] { text::SentencePiece m(std::string(1000, '\0')); }).empty());
  CHECK(!message_of([&] { text::SentencePiece m(good + piece("c", not_a_number, 1)); }).empty());
  CHECK(message_of([&] { text::SentencePiece m(good + piece(std::string("c\0d", 3), zero, 1)); }) ==
        "not a sentencepiece model: piece 6 has a zero byte");
  for (size_t n = 0; n < good.size(); ++n) {
    try {
      text::SentencePiece m(std::string_view(good).substr(0, n));
      CHECK(m.size() < 6);  // cut between two pieces: a smaller model
    } catch (const text::Error &e) { CHECK(e.code == text::Error::Code::input); }
  }
}

TEST_CASE("a normalization trie that leaves its bounds is refused") {
  auto rules = [](std::vector<uint32_t> units, std::string replacements) {
    auto bytes = uint32_t(units.size() * 4);
    std::string blob(reinterpret_cast<const char *>(&bytes), 4);
    blob.append(reinterpret_cast<const char *>(units.data()), bytes);
    return blob + replacements;
  };
  std::vector<uint32_t> units(256, 0x80000000);
  units[0] = 1u << 10;
  CHECK_NOTHROW(text::CharsMap(rules(units, std::string("\0", 1))));
  units[0] = 0x1fffffu << 10;
  CHECK_THROWS_AS(text::CharsMap(rules(units, std::string("\0", 1))), text::Error);
  CHECK_THROWS_AS(text::CharsMap("\1"), text::Error);
  CHECK_THROWS_AS(text::CharsMap(std::string("\xff\xff\xff\xff____", 8)), text::Error);
  const std::string model =
      small_model() + field(3, field(2, std::string("\x08\0\0\0", 4) + std::string(8, '\x7f') + std::string(1, '\0')));
  CHECK(message_of([&] { text::SentencePiece m(model); }).find("normalization rules") != std::string::npos);
}

TEST_CASE("sampling options are checked") {
  text::SentencePiece model(small_model());
  text::SentencePieceOptions o;
  for (int n : {0, 1, 513}) {
    o.sampling = {n, 0.1F, 1};
    CHECK_THROWS_AS(model.encode("ab", o), text::Error);
  }
  o.sampling = {-1, NAN, 1};
  CHECK_THROWS_AS(model.encode("ab", o), text::Error);
}

TEST_CASE("UTF-8 is checked and repaired") {
  CHECK_NOTHROW(text::require_utf8("aé€😀", "x"));
  CHECK(message_of([] { text::require_utf8("ab\xff", "the text"); }) ==
        "the text is not valid UTF-8: byte 0xff at position 2; text.repair makes a text of any bytes");
  for (const char *bad : {"\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\x80", "\xf5\x80\x80\x80"})
    CHECK_THROWS_AS(text::require_utf8(bad, "x"), text::Error);
  const std::string r = "\xef\xbf\xbd";
  CHECK(text::utf8_repair("a\xe2\x82z") == "a" + r + "z");
  CHECK(text::utf8_repair("\xf0\x9f\x98") == r);
  CHECK(text::utf8_repair("\xed\xa0\x80") == r + r + r);
  CHECK(text::utf8_length("aé€😀") == 4);
}
