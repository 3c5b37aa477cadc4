// Files made to deceive a reader, one case for each way.
#include <cstring>

#include "base/bytes.h"
#include "support.h"
#include "value/safetensors.h"

using namespace mrun;
using namespace mrun::test;

namespace {

// Offsets inside headers.
constexpr size_t local_flags = 6, local_method = 8, local_crc = 14, local_size = 22;
constexpr size_t central_flags = 8, central_method = 10, central_crc = 16, central_stored = 20, central_length = 24;
constexpr size_t central_attributes = 38, central_offset = 42;

struct Headers {
  std::string local, central;
};

Headers headers(const std::vector<RawEntry> &entries, size_t which) {
  uint64_t offset = 0;
  for (size_t i = 0; i < which; ++i) {
    offset += local_header(entries[i].name, entries[i].bytes.size(), 0, offset).size() + entries[i].bytes.size();
  }
  const RawEntry &e = entries[which];
  const uint32_t crc = crc32(e.bytes);
  return {local_header(e.name, e.bytes.size(), crc, offset), central_header(e.name, e.bytes.size(), crc, offset)};
}

// The sample with the last entry's headers changed.
template <class Change>
std::string with_headers(Change change) {
  std::vector<RawEntry> entries = raw_sample();
  Headers h = headers(entries, entries.size() - 1);
  change(h);
  entries.back().local = h.local;
  entries.back().central = h.central;
  return refusal(build(entries));
}

std::string tensors(const std::string &json, size_t data) {
  std::string file;
  put<uint64_t>(file, json.size());
  return file + json + std::string(data, '\0');
}

std::string refused_tensors(const std::string &file) {
  const auto keep = std::make_shared<const std::string>(file);
  const Tensor bytes =
      Tensor::over(const_cast<char *>(keep->data()), dtype::uint8, {static_cast<int64_t>(keep->size())}, keep, true);
  const Error e = error_of([&] { read_safetensors(bytes, "model/main.safetensors"); });
  return e.message;
}

}  // namespace

TEST_CASE("hostile: a deflate bomb is refused by its header, nothing is inflated") {
  CHECK(contains(with_headers([](Headers &h) {
                   patch<uint16_t>(h.local, local_method, 8);
                   patch<uint16_t>(h.central, central_method, 8);
                   patch<uint32_t>(h.central, central_length, 4000000000u);
                 }),
                 "compressed"));
}

TEST_CASE("hostile: overlapping entries") {
  CHECK(contains(with_headers([](Headers &h) { patch<uint32_t>(h.central, central_offset, 0); }),
                 "a hole or an overlap"));
}

TEST_CASE("hostile: a hole between entries") {
  CHECK(contains(with_headers([](Headers &h) { h.local = std::string(64, '\0') + h.local; }),
                 "differs from the directory's"));
}

TEST_CASE("hostile: duplicate names") {
  std::vector<RawEntry> entries = raw_sample();
  entries.push_back(entries.back());
  CHECK(contains(refusal(build(entries)), "stands twice"));
}

TEST_CASE("hostile: names that differ in case only") {
  std::vector<RawEntry> entries = raw_sample();
  entries.insert(entries.begin() + 1, {{"assets/A", "1"}, {"assets/a", "2"}});
  CHECK(contains(refusal(build(entries)), "in case only"));
}

TEST_CASE("hostile: local and central header differ") {
  CHECK(contains(with_headers([](Headers &h) { patch<uint32_t>(h.local, local_crc, 0); }), "local header differs"));
  CHECK(contains(with_headers([](Headers &h) { patch<uint16_t>(h.local, local_flags, 1); }), "local header differs"));
  CHECK(contains(with_headers([](Headers &h) { h.local[30] = 'q'; }), "local header differs"));
}

TEST_CASE("hostile: lying sizes") {
  CHECK(contains(with_headers([](Headers &h) {
                   patch<uint32_t>(h.local, local_size, 7);
                   patch<uint32_t>(h.central, central_stored, 7);
                 }),
                 "not as mrun writes it"));
  CHECK(contains(with_headers([](Headers &h) {
                   patch<uint32_t>(h.central, central_stored, 7);
                   patch<uint32_t>(h.central, central_length, 7);
                 }),
                 "local header differs"));
  for (const uint32_t size : {uint32_t{1} << 20, 0xFFFFFFFEu}) {
    CHECK(contains(with_headers([&](Headers &lie) {
                     patch<uint32_t>(lie.local, local_size - 4, size);
                     patch<uint32_t>(lie.local, local_size, size);
                     patch<uint32_t>(lie.central, central_stored, size);
                     patch<uint32_t>(lie.central, central_length, size);
                   }),
                   "pass the directory"));
  }
}

TEST_CASE("hostile: counts and lengths of the directory lie") {
  const std::string good = build(raw_sample());
  const size_t end = good.size() - 22;
  const auto lie = [&](size_t at, auto value) {
    std::string file = good;
    patch(file, end + at, value);
    return refusal(file);
  };
  CHECK(!lie(8, uint16_t{3}).empty());
  CHECK(!lie(10, uint16_t{0xFFFE}).empty());
  CHECK(contains(lie(12, uint32_t{0xFFFFFFFE}), "at most"));
  CHECK(!lie(12, uint32_t{1}).empty());
  CHECK(!lie(16, uint32_t{0xFFFFFFFE}).empty());
  CHECK(!lie(20, uint16_t{1}).empty());
  CHECK(!lie(4, uint16_t{1}).empty());
}

TEST_CASE("hostile: names that lead elsewhere") {
  for (const std::string &name :
       {std::string("../evil"), std::string("/etc/passwd"), std::string("a\0b", 3), std::string("a\\b"),
        std::string("assets/../../x"), std::string("C:x"), std::string("a//b"), std::string("a/./b"),
        std::string("\x1b[2J"), std::string("\xff\xfe"), std::string(256, 'a'), std::string("-rf")}) {
    std::vector<RawEntry> entries = raw_sample();
    Lock lock = lock_of(entries);
    entries.insert(entries.begin() + 1, {name, "x"});
    const std::string message = refusal(build(entries, encode_lock(lock)));
    CHECK((contains(message, "is no portable name") || contains(message, "impossible lengths")));
    CHECK(message.find_first_of(std::string_view("\0\x1b\n", 3)) == std::string::npos);
  }
}

TEST_CASE("hostile: symbolic links and permissions in the attributes") {
  CHECK(contains(with_headers([](Headers &h) { patch<uint32_t>(h.central, central_attributes, 0120777u << 16); }),
                 "not as mrun writes it"));
}

TEST_CASE("hostile: a wrong CRC") {
  CHECK(contains(with_headers([](Headers &h) {
                   patch<uint32_t>(h.local, local_crc, 1);
                   patch<uint32_t>(h.central, central_crc, 1);
                 }),
                 "SHA-256"));
}

TEST_CASE("hostile: a text exchanged for another with the right CRC") {
  std::vector<RawEntry> entries = raw_sample();
  const std::string lock = encode_lock(lock_of(entries));
  entries.back().bytes = "return 2";
  const std::string file = build(entries, lock);
  const auto bundle = open_bytes(file);
  const Error e = error_of([&] { bundle->read("preprocess.lua"); });
  CHECK(e.code == MRUN_VERIFY);
  CHECK(contains(e.message, "preprocess.lua is damaged or was changed"));
}

TEST_CASE("hostile: a flipped bit in weights is found by verification") {
  std::string file = packed_bytes(sample());
  file[file.find("wwww") + 50] ^= 1;
  CHECK(open_bytes(file)->text("preprocess.lua") == "return function(x) return x end\n");
  const Error e = error_of([&] { open_bytes(file, {.revision = {}, .verify = true}); });
  CHECK(e.code == MRUN_VERIFY);
  CHECK(contains(e.message, "model/main.safetensors"));
}

TEST_CASE("hostile: bytes exchanged after they were checked are not seen") {
  std::string file = packed_bytes(sample());
  const auto bundle = open_bytes(file);
  const Tensor before = bundle->read("assets/labels.txt");
  file[file.find("a\nb\n")] = 'X';
  CHECK(before.bytes() == "a\nb\n");
  CHECK(bundle->read("assets/labels.txt").bytes() == "a\nb\n");
}

TEST_CASE("hostile: ZIP64 with impossible numbers") {
  constexpr uint64_t huge = uint64_t{1} << 63;
  for (const uint64_t size : {huge, huge - 1, UINT64_MAX, uint64_t{0xFFFFFFFF}}) {
    CHECK(!with_headers([&](Headers &h) {
             h.central = central_header("preprocess.lua", size, 0, 64);
             h.local = local_header("preprocess.lua", size, 0, 64);
           }).empty());
    CHECK(!with_headers([&](Headers &h) { h.central = central_header("preprocess.lua", 8, 0, size); }).empty());
  }
  const std::string good = build(raw_sample());
  const std::string body = good.substr(0, good.size() - 22);
  for (const uint64_t value : {huge, UINT64_MAX, UINT64_MAX - 75, uint64_t{0xFFFFFFFF}}) {
    CHECK(!refusal(body + end_records(value, 200, 300)).empty());
    CHECK(!refusal(body + end_records(4, value, 300)).empty());
    CHECK(!refusal(body + end_records(4, 200, value)).empty());
    CHECK(!refusal(end_records(4, 200, value)).empty());
  }
}

TEST_CASE("hostile: ZIP64 records where none are needed") {
  const std::string good = build(raw_sample());
  const std::string end = good.substr(good.size() - 22);
  uint32_t size = 0, offset = 0;
  std::memcpy(&size, end.data() + 12, 4);
  std::memcpy(&offset, end.data() + 16, 4);
  std::string wide = end_records(0xFFFF, size, offset);
  patch<uint64_t>(wide, 24, 4);
  patch<uint64_t>(wide, 32, 4);
  CHECK(!refusal(good.substr(0, good.size() - 22) + wide).empty());
}

TEST_CASE("hostile: truncation at every byte of every header") {
  const std::string good = build(raw_sample());
  for (size_t n = 0; n < good.size(); ++n) {
    if (refusal(good.substr(0, n)).empty()) FAIL("accepted: the first " << n << " bytes");
    if (refusal(good.substr(n)).empty() && n > 0) FAIL("accepted: all but the first " << n << " bytes");
  }
}

TEST_CASE("hostile: shapes that overflow, overlapping tensors, holes") {
  const auto one = [](const std::string &shape, const std::string &offsets, const std::string &dtype = "F32") {
    return R"({"a":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}";
  };
  CHECK(!refused_tensors(tensors(one("[4611686018427387904,4]", "[0,0]"), 0)).empty());
  CHECK(!refused_tensors(tensors(one("[9223372036854775807,9223372036854775807]", "[0,4]"), 4)).empty());
  CHECK(!refused_tensors(tensors(one("[-1]", "[0,4]"), 4)).empty());
  CHECK(!refused_tensors(tensors(one("[2]", "[0,4]"), 4)).empty());
  CHECK(!refused_tensors(tensors(one("[1]", "[4,8]"), 8)).empty());
  CHECK(!refused_tensors(tensors(one("[1]", "[8,4]"), 8)).empty());
  CHECK(!refused_tensors(tensors(one("[1]", "[0,4]"), 8)).empty());
  CHECK(!refused_tensors(tensors(one("[1]", "[0,18446744073709551615]"), 4)).empty());
  CHECK(
      !refused_tensors(
           tensors(
               R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
               4))
           .empty());
  CHECK(!refused_tensors(tensors(one("[1]", "[0,4]", "F99"), 4)).empty());
  CHECK(!refused_tensors(tensors(one("[1,1,1,1,1,1,1,1,1]", "[0,4]"), 4)).empty());
  CHECK(!refused_tensors(std::string(8, '\xff')).empty());
  CHECK(!refused_tensors("short").empty());
}

TEST_CASE("hostile: 100,000 tensors in a header are read, or refused, without a crash") {
  std::string json = "{";
  for (int i = 0; i < 100000; ++i) {
    json += fmt::format(R"({}"t{}":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})", i == 0 ? "" : ",", i);
  }
  const auto file = std::make_shared<const std::string>(tensors(json + "}", 0));
  const Tensor bytes =
      Tensor::over(const_cast<char *>(file->data()), dtype::uint8, {static_cast<int64_t>(file->size())}, file, true);
  CHECK(read_safetensors(bytes, "x").tensors.size() == 100000);
}

TEST_CASE("hostile: deep or duplicate-key JSON in the lock") {
  const auto with_lock = [](const std::string &lock) { return refusal(build(raw_sample(), lock)); };
  const std::string good = encode_lock(lock_of(raw_sample()));
  CHECK(with_lock(good).empty());
  CHECK(contains(with_lock(std::string(100000, '[')), "nest deeper"));
  std::string deep = good;
  deep.replace(deep.find("\"packed_with\": {}"), 17,
               "\"packed_with\": {\"a\": " + std::string(50, '[') + std::string(50, ']') + "}");
  CHECK(contains(with_lock(deep), "nest deeper"));
  std::string twice = good;
  twice.replace(twice.find("\"operations\""), 0, "\"format\": 1,\n ");
  CHECK(contains(with_lock(twice), "twice"));
  std::string spaced = good;
  spaced.insert(spaced.find("\"format\""), " ");
  CHECK(contains(with_lock(spaced), "canonical"));
  CHECK(contains(with_lock(good + "\n"), "canonical"));
  CHECK(!with_lock(good.substr(0, good.size() - 2)).empty());
  CHECK(!with_lock(" ").empty());
  CHECK(!with_lock("null").empty());
  CHECK(!with_lock("[]").empty());
  std::string extra = good;
  extra.replace(extra.find(" \"operations\""), 0, " \"extra\": 1,\n");
  CHECK(!with_lock(extra).empty());
}
