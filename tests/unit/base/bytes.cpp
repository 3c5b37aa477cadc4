#include "base/bytes.h"

#include "base/hash.h"
#include "catch.h"

using namespace mrun;

TEST_CASE("bytes: numbers are little-endian, in and out") {
  std::string out;
  put<uint8_t>(out, 1);
  put<uint16_t>(out, 0x0203);
  put<uint32_t>(out, 0x04050607);
  put<uint64_t>(out, 0x08090A0B0C0D0E0F);
  CHECK(out == "\x01\x03\x02\x07\x06\x05\x04\x0F\x0E\x0D\x0C\x0B\x0A\x09\x08");
  ByteReader reader(out, "test", MRUN_BUNDLE);
  CHECK(reader.get<uint8_t>() == 1);
  CHECK(reader.get<uint16_t>() == 0x0203);
  CHECK(reader.get<uint32_t>() == 0x04050607);
  CHECK(reader.get<uint64_t>() == 0x08090A0B0C0D0E0F);
  CHECK(reader.remaining() == 0);
}

TEST_CASE("bytes: nothing is read past the end") {
  ByteReader reader("abcd", "file.mb", MRUN_BUNDLE);
  CHECK(reader.take(3) == "abc");
  for (const size_t n : {size_t{2}, SIZE_MAX, SIZE_MAX - 2}) {
    try {
      reader.take(n);
      FAIL();
    } catch (const Error &e) {
      CHECK(e.code == MRUN_BUNDLE);
      CHECK(e.message.starts_with("file.mb: cut off: "));
    }
  }
  CHECK(reader.position() == 3);
  CHECK(reader.take(1) == "d");
  CHECK(reader.take(0).empty());
}

TEST_CASE("hash: SHA-256 of FIPS 180-4's examples, at once and in parts") {
  CHECK(sha256_hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256_hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  Sha256 hash;
  for (int i = 0; i < 1000; ++i) hash.update(std::string(1000, 'a'));
  CHECK(hash.hex() == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("hash: CRC-32 of the usual check value, at once and in parts") {
  CHECK(crc32("123456789") == 0xCBF43926);
  CHECK(crc32("6789", crc32("12345")) == 0xCBF43926);
  CHECK(crc32("") == 0);
}
