#include "base/text.h"

#include <vector>

#include "base/article.h"
#include "base/place.h"
#include "catch.h"

using namespace mrun;

TEST_CASE("text: UTF-8 is told from what only looks like it") {
  for (const char *good : {"", "a", "é", "€", "😀", "\x7f", "\xf4\x8f\xbf\xbf", "\xee\x80\x80"}) {
    CHECK(valid_utf8(good));
  }
  for (const char *bad :
       {"\x80", "\xff", "\xc0\xaf", "\xc1\xbf", "\xe0\x80\x80", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xed\xbf\xbf",
        "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe2\x82", "\xc3", "\xf0\x9f\x98", "a\xc3z"}) {
    CHECK_FALSE(valid_utf8(bad));
  }
  CHECK(valid_utf8(std::string_view("a\0b", 3)));
  CHECK(utf8_until("") == 0);
  CHECK(utf8_until("nine bytes\xC3") == 10);
  CHECK(utf8_until("\xC3\xA9t\xC3\xA9 in ASCII, then \xFF more") == 21);
}

TEST_CASE("text: every code point is decoded, and no surrogate") {
  const auto encode = [](uint32_t c) {
    const auto tail = [](uint32_t bits) { return static_cast<char>(0x80 | (bits & 0x3F)); };
    if (c < 0x80) return std::string{static_cast<char>(c)};
    if (c < 0x800) return std::string{static_cast<char>(0xC0 | c >> 6), tail(c)};
    if (c < 0x10000) return std::string{static_cast<char>(0xE0 | c >> 12), tail(c >> 6), tail(c)};
    return std::string{static_cast<char>(0xF0 | c >> 18), tail(c >> 12), tail(c >> 6), tail(c)};
  };
  size_t wrong = 0;
  for (uint32_t c = 0; c < 0x110000; ++c) {
    const std::string s = encode(c);
    const bool surrogate = c >= 0xD800 && c < 0xE000;
    const size_t length = utf8_length(s, 0);
    wrong += surrogate ? length != 0 : length != s.size() || utf8_decode(s) != c;
  }
  CHECK(wrong == 0);
}

TEST_CASE("a place is told by its steps, a deep one by both its ends") {
  const std::vector<std::string> steps(1000, "[1]");
  CHECK(place_text({}).empty());
  CHECK(place_text(std::span(steps).first(3)) == "[1][1][1]");
  CHECK(place_text(steps).size() < 100);
  CHECK(place_text(steps).find("]…[") != std::string::npos);
}

TEST_CASE("text: nothing hostile reaches a message") {
  CHECK(printable("é 😀 'a'") == "é 😀 'a'");
  CHECK(printable("\x1b[31m\n\r\t") == "\\x1b[31m\\n\\r\\t");
  CHECK(printable(std::string_view("\0\x7f", 2)) == "\\x00\\x7f");
  CHECK(printable("\xff\xc0") == "\\xff\\xc0");
  CHECK(printable("\xc2\x9b") == "\\u{9b}");              // CSI
  CHECK(printable("\xe2\x80\xae") == "\\u{202e}");        // right to left
  CHECK(printable("\xe2\x80\xa8") == "\\u{2028}");        // line separator
  CHECK(printable("\xf3\xa0\x81\x81") == "\\u{e0041}");   // tag
  CHECK(printable(std::string(400, 'x')).size() == 303);  // … is three bytes
  CHECK(printable(std::string(300, 'x')).size() == 300);
}

TEST_CASE("text: near misses are found, nearest first") {
  const std::vector<std::string> names{"resize", "resized", "crop", "center_crop", "normalize", "flip", "pad"};
  CHECK(nearest("reszie", names) == std::vector<std::string>{"resize", "resized"});
  CHECK(nearest("Resize", names) == std::vector<std::string>{"resize", "resized"});
  CHECK(nearest("normalise", names) == std::vector<std::string>{"normalize"});
  CHECK(nearest("pda", names) == std::vector<std::string>{"pad"});
  CHECK(nearest("zzzzzz", names).empty());
  CHECK(nearest("", names).empty());
  CHECK(nearest("x", std::vector<std::string>{"y"}).empty());
  CHECK(nearest(std::string(100'000, 'a'), names).empty());
  CHECK(nearest("aa", std::vector<std::string>{"ab", "ac", "ad", "ae", "ab"}).size() == 3);
  CHECK(did_you_mean("croop", names) == "; did you mean 'crop'?");
  CHECK(did_you_mean("resze", names) == "; did you mean 'resize' or 'resized'?");
  CHECK(did_you_mean("nothing", names).empty());
}

TEST_CASE("text: a noun has its article") {
  CHECK(with_article("int64") == "an int64");
  CHECK(with_article("audio.stream") == "an audio.stream");
  CHECK(with_article("uint8") == "a uint8");
  CHECK(with_article("float32") == "a float32");
}

TEST_CASE("text: base64 as RFC 4648 has it") {
  CHECK(base64("").empty());
  CHECK(base64("f") == "Zg==");
  CHECK(base64("fo") == "Zm8=");
  CHECK(base64("foo") == "Zm9v");
  CHECK(base64("foob") == "Zm9vYg==");
  CHECK(base64("fooba") == "Zm9vYmE=");
  CHECK(base64("foobar") == "Zm9vYmFy");
  CHECK(base64("\xfb\xff\xfe") == "+//+");
  CHECK(hex(std::string_view("\x00\xaf\xff", 3)) == "00afff");
}

TEST_CASE("text: base64 back to bytes, and nothing that is not base64") {
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    CHECK(unbase64(base64(bytes)) == bytes);
    bytes += static_cast<char>(i * 7);
  }
  for (const char *wrong : {"Z", "Zg", "Zg=", "=g==", "Zg=a", "Z===", "Zh==", "Zm9=", "Zm 9", "Zm-_", "Zg==Zg=="}) {
    INFO(wrong);
    CHECK_FALSE(unbase64(wrong));
  }
}
