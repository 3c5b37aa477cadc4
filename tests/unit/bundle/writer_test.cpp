#include "bundle/writer.h"

#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>

#include "bundle/folder.h"
#include "bundle/unpack.h"
#include "support.h"

using namespace mrun;
using namespace mrun::test;

namespace {

Contents contents_of(const fs::path &folder) {
  const Folder bundle(folder, {});
  Contents contents;
  for (const EntryInfo &e : bundle.entries()) contents.emplace(e.path, bundle.path_of(e.path));
  return contents;
}

}  // namespace

TEST_CASE("writer: the same entries give the same bytes, whatever they are made of") {
  const TemporaryFolder folder;
  Contents files, tensors;
  for (const auto &[name, content] : sample()) {
    const std::string &text = std::get<std::string>(content);
    write_text(folder / ("in/" + name), text);
    files.emplace(name, folder / ("in/" + name));
    const Tensor t = Tensor::empty(dtype::uint8, {static_cast<int64_t>(text.size())});
    std::memcpy(t.data(), text.data(), text.size());
    tensors.emplace(name, t);
  }
  const std::string expected = packed_bytes(sample());
  CHECK(packed_bytes(files) == expected);
  CHECK(packed_bytes(tensors) == expected);
  const mode_t mask = ::umask(077);
  for (const auto &[name, content] : files) {
    fs::last_write_time(std::get<fs::path>(content),
                        fs::file_time_type::clock::now() - std::chrono::hours(24 * 365 * 20));
  }
  CHECK(packed_bytes(files) == expected);
  ::umask(mask);
}

TEST_CASE("writer: unpacked and packed again, a bundle is the same to the byte") {
  const TemporaryFolder folder;
  const Written first = write_bundle(folder / "a.mb", sample(), {});
  CHECK(first.size == fs::file_size(folder / "a.mb"));
  const auto bundle = Bundle::open(folder / "a.mb");
  CHECK(bundle->digest() == first.digest);
  unpack(*bundle, folder / "out");
  CHECK_FALSE(fs::exists(folder / "out/bundle.lock"));
  CHECK_FALSE(fs::exists(folder / "out/format"));
  write_bundle(folder / "b.mb", contents_of(folder / "out"), {});
  CHECK(read_text(folder / "a.mb") == read_text(folder / "b.mb"));
  CHECK(folder.count() == 3);
}

TEST_CASE("writer: names are checked before anything is written") {
  const TemporaryFolder folder;
  for (const char *name : {"../x", "a b", "format", "bundle.lock", "bundle.sig", "history/locks/1.lock", ""}) {
    Contents contents = sample();
    contents.emplace(name, std::string("x"));
    CHECK(error_of([&] { write_bundle(folder / "x.mb", contents, {}); }).code == MRUN_BUNDLE);
  }
  Contents contents = sample();
  contents.emplace("assets/LABELS.txt", std::string("x"));
  CHECK(contains(error_of([&] { write_bundle(folder / "x.mb", contents, {}); }).message, "case only"));
  CHECK(folder.count() == 0);
}

TEST_CASE("writer: a failure leaves the old file and nothing else") {
  const TemporaryFolder folder;
  write_bundle(folder / "x.mb", sample(), {});
  const std::string before = read_text(folder / "x.mb");
  Contents contents = sample();
  contents["assets/gone.txt"] = folder / "no-such-file";
  CHECK_THROWS_AS(write_bundle(folder / "x.mb", contents, {}), Error);
  contents["assets/gone.txt"] = std::string("ok");
  Lock lock;
  lock.packed_with = Value::map({{"version", Value::number(1.5)}});
  CHECK(read_text(folder / "x.mb") == before);
  CHECK(folder.count() == 1);
  CHECK(error_of([&] { write_bundle(folder / "no/such/x.mb", sample(), {}); }).code == MRUN_IO);
}

TEST_CASE("writer: the lock says who packed it") {
  Lock lock;
  lock.operations = {"image.resize@1", "text.nfc@1"};
  lock.packed_with = Value::map({{"mrun", Value::string("1.0.0")}});
  lock.revision.message = "first — with \"quotes\"\nand lines";
  lock.revision.author = "Ä";
  lock.revision.time = "2026-01-31T12:00:00Z";
  const std::string file = packed_bytes(sample(), lock);
  const Value read = open_bytes(file)->lock();
  CHECK(read.find("format")->as_int() == 1);
  CHECK(read.find("operations")->as_list()[1].as_string() == "text.nfc@1");
  CHECK(read.find("packed_with")->find("mrun")->as_string() == "1.0.0");
  CHECK(read.find("revision")->find("message")->as_string() == lock.revision.message);
  CHECK(read.find("revision")->find("author")->as_string() == "Ä");
  CHECK(read.find("revision")->find("parent")->is_nil());
  CHECK(read.find("entries")->find("format")->find("size")->as_int() == 14);
}

TEST_CASE("writer: the models' methods are kept; locks without them are read as ever") {
  Lock lock;
  CHECK_FALSE(contains(encode_lock(lock), "models"));
  lock.models = {{"decoder", "torch", {"step(Tensor ids, Tensor state) -> (Tensor, Tensor)"}},
                 {"encoder", "torch", {"forward(Tensor ids) -> Tensor", "encode(str s) -> Tensor"}}};
  CHECK(decode_lock(encode_lock(lock), "lock").models == lock.models);
  const auto error = [&](const std::string &from, const std::string &to) {
    std::string text = encode_lock(lock);
    const size_t at = text.find(from);
    REQUIRE(at != std::string::npos);
    text.replace(at, from.size(), to);
    return error_of([&] { decode_lock(text, "lock"); }).message;
  };
  CHECK(contains(error("\"backend\"", "\"backand\""), "decoder: backend"));
  CHECK(contains(error("\"torch\"", "3"), "backend: want a string"));
  CHECK(contains(error("\"step(Tensor ids, Tensor state) -> (Tensor, Tensor)\"", "1"), "methods"));
  CHECK(contains(error("\"decoder\"", "\"de coder\""), "is no name of a model"));
  lock.models.clear();
  std::string empty = encode_lock(lock);
  empty.replace(empty.find(" \"operations\""), 0, " \"models\": {},\n");
  CHECK(contains(error_of([&] { decode_lock(empty, "lock"); }).message, "models: is empty"));
}

TEST_CASE("writer: a lock that no reader takes is not written") {
  const TemporaryFolder folder;
  const auto refused = [&](const Lock &lock) {
    const Error e = error_of([&] { write_bundle(folder / "x.mb", sample(), lock); });
    CHECK(folder.count() == 0);
    return e.message;
  };
  Lock lock;
  lock.operations = {"b", "a"};
  CHECK(contains(refused(lock), "operations"));
  lock = {};
  lock.revision.time = "yesterday";
  CHECK(contains(refused(lock), "time"));
  lock = {};
  lock.packed_with = Value::map({{"version", Value::number(1.5)}});
  CHECK(contains(refused(lock), "packed_with"));
  lock = {};
  lock.revision.number = 2;
  CHECK(contains(refused(lock), "parent"));
}

TEST_CASE("unpack: into a new or empty folder only, nothing half-written") {
  const TemporaryFolder folder;
  std::string bytes = packed_bytes(sample());
  const auto bundle = open_bytes(bytes);
  fs::create_directory(folder / "empty");
  unpack(*bundle, folder / "empty");
  CHECK(read_text(folder / "empty/assets/labels.txt") == "a\nb\n");
  unpack(*bundle, folder / "slash/");
  CHECK(fs::exists(folder / "slash/bundle.toml"));
  const Error e = error_of([&] { unpack(*bundle, folder / "empty"); });
  CHECK(e.code == MRUN_IO);
  CHECK(contains(e.message, "a new or empty folder is wanted"));
  write_text(folder / "file", "x");
  CHECK(error_of([&] { unpack(*bundle, folder / "file"); }).code == MRUN_IO);
  CHECK(error_of([&] { unpack(*bundle, folder / "no/parent"); }).code == MRUN_IO);
  bytes[bytes.find("wwww") + 7] ^= 1;
  const auto damaged = open_bytes(bytes);
  CHECK(error_of([&] { unpack(*damaged, folder / "damaged"); }).code == MRUN_VERIFY);
  CHECK(folder.count() == 3);
}

TEST_CASE("zip64: sizes and offsets above 4 GiB, sparse") {
  constexpr uint64_t large = (uint64_t{5} << 30) + 3;
  const TemporaryFolder folder;
  const fs::path path = folder / "big.mb";
  // Headers by the writer's functions, payloads never written: holes of the file.
  struct Part {
    std::string name;
    uint64_t size;
  };
  std::vector<Part> parts{{"format", format_text.size()}, {"model/a.safetensors", large}, {"model/b.pt", 100}};
  const std::string manifest = "[bundle]\nname = \"big\"\n";
  parts.push_back({"bundle.toml", manifest.size()});
  Lock lock;
  for (const Part &p : parts) lock.entries[p.name] = {p.size, std::string(64, '0')};
  lock.entries["bundle.toml"].sha256 = sha256_hex(manifest);
  const std::string lock_bytes = encode_lock(lock);
  parts.push_back({"bundle.lock", lock_bytes.size()});
  const UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  REQUIRE(fd);
  std::string directory;
  uint64_t at = 0;
  const auto put = [&](const std::string &bytes) {
    REQUIRE(::pwrite(fd.get(), bytes.data(), bytes.size(), static_cast<off_t>(at)) ==
            static_cast<ssize_t>(bytes.size()));
    at += bytes.size();
  };
  for (const Part &p : parts) {
    const std::string text = p.name == "format"        ? std::string(format_text)
                             : p.name == "bundle.toml" ? manifest
                             : p.name == "bundle.lock" ? lock_bytes
                                                       : "";
    const uint32_t crc = crc32(text);
    directory += central_header(p.name, p.size, crc, at);
    put(local_header(p.name, p.size, crc, at));
    put(text);
    at += p.size - text.size();
  }
  const uint64_t offset = at;
  put(directory);
  const std::string end = end_records(parts.size(), directory.size(), offset);
  CHECK(end.size() == 56 + 20 + 22);
  put(end);

  const auto bundle = Bundle::open(path);
  CHECK(bundle->manifest().name == "big");
  const Tensor weights = bundle->map_private("model/a.safetensors");
  CHECK(weights.nbytes() == large);
  CHECK(weights.data<char>()[large - 1] == 0);
  weights.data<char>()[large - 1] = 1;
  CHECK(bundle->read("model/a.safetensors").bytes().back() == 0);

  // Each number of the wide records changed by one is refused.
  for (size_t i = 0; i < end.size(); ++i) {
    std::string wrong = end;
    wrong[i] = static_cast<char>(wrong[i] + 1);
    at = offset + directory.size();
    put(wrong);
    CHECK_THROWS_AS(Bundle::open(path), Error);
  }
}

TEST_CASE("zip64: more than 65,535 entries") {
  const TemporaryFolder folder;
  Contents contents = sample();
  for (int i = 0; i < 70000; ++i) contents.emplace(fmt::format("assets/many/{}", i), fmt::format("{}", i));
  write_bundle(folder / "x.mb", contents, {});
  const auto bundle = Bundle::open(folder / "x.mb");
  CHECK(bundle->entries().size() == contents.size());
  CHECK(bundle->text("assets/many/69999") == "69999");
}
