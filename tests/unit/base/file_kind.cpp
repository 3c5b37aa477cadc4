#include "base/file_kind.h"

#include <string>

#include "catch.h"

using namespace mrun;
using namespace std::string_literals;

TEST_CASE("file kind: by how a file begins") {
  CHECK(file_kind("") == "empty");
  CHECK(file_kind("\x89PNG\r\n\x1a\n\0\0\0\rIHDR"s) == "a PNG picture");
  CHECK(file_kind("\x89PNG\n\x1a\n\0\0\0\rIHDR"s).find("damaged") != std::string_view::npos);
  CHECK(file_kind("MThd\0\0\0\6"s).find("MIDI") != std::string_view::npos);
  CHECK(file_kind("\0\0\0\x18"s + "ftypisom").find("MP4") != std::string_view::npos);
  CHECK(file_kind("\0\0\0\x18"s + "ftypavif") == "an AVIF picture");
  CHECK(file_kind("\x1f\x8b\x08\0\0"s).find("gzip") != std::string_view::npos);
  CHECK(file_kind("BM\x36\0\0\0\0\0"s) == "a BMP picture");
  CHECK(file_kind("{\"a\": 1}") == "JSON text");
  CHECK(file_kind("\1\2\3") == "");
}

TEST_CASE("file kind: a text is one, with whatever letters it begins") {
  for (const char *text : {"BMW is a company", "MAC addresses", "MP+ and more", "FLV", "GIF89a pictures", "TTA1",
                           "BZhang", "DDS and DSD are names", "GGUF holds weights", "ID3", "Größe"}) {
    CAPTURE(text);
    CHECK(file_kind(text) == "a text");
  }
}
