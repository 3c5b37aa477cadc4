#include "bundle/container.h"

#include <random>

#include "base/bytes.h"
#include "bundle/names.h"
#include "bundle/packed.h"
#include "support.h"

using namespace mrun;
using namespace mrun::test;

namespace {

// Which bytes lie in the payload of weights: those are hashed by verify_hashes alone.
std::vector<bool> weight_bytes(const std::string &file) {
  std::vector<bool> weights(file.size());
  const Container container(memory_source(file.data(), file.size(), nullptr));
  for (const Item &item : container.items()) {
    if (!is_weights(item.name)) continue;
    for (uint64_t i = item.start; i < item.start + item.size; ++i) weights[i] = true;
  }
  return weights;
}

// Refused on opening and reading every entry that is no weights, as a user would.
bool refused_on_use(const std::string &file) {
  try {
    const auto bundle = open_bytes(file);
    for (const EntryInfo &e : bundle->entries()) bundle->read(e.path);
    return false;
  } catch (const Error &e) {
    CHECK((e.code == MRUN_BUNDLE || e.code == MRUN_VERIFY || e.code == MRUN_MISSING));
    return true;
  }
}

}  // namespace

TEST_CASE("container: what is written is read") {
  const std::string file = packed_bytes(sample());
  CHECK(file.substr(30, 6) == "format");
  CHECK(file.substr(64, 14) == "mrun-bundle 1\n");
  const Container container(memory_source(file.data(), file.size(), nullptr));
  for (const Item &item : container.items()) CHECK(item.start % alignment(item.name) == 0);
  const auto bundle = open_bytes(file, {.revision = {}, .verify = true});
  CHECK(bundle->packed());
  CHECK(bundle->digest() == sha256_hex(container.lock_bytes()));
  CHECK(bundle->entries().size() == sample().size());
  for (const auto &[name, content] : sample()) {
    const Tensor bytes = bundle->read(name);
    CHECK(bytes.bytes() == std::get<std::string>(content));
    CHECK(bytes.readonly());
  }
  CHECK(bundle->manifest().name == "x");
  REQUIRE(bundle->manifest().models.size() == 1);
  const ModelFiles files = bundle->model_files(bundle->manifest().models[0]);
  CHECK(files.graph == "model/main.graph.pt");
  CHECK(files.weights == "model/main.safetensors");
}

TEST_CASE("container: weights are private and writable, everything else is not") {
  const TemporaryFolder folder;
  write_bundle(folder / "x.mb", sample(), {});
  const std::string before = read_text(folder / "x.mb");
  const auto bundle = Bundle::open(folder / "x.mb");
  const Tensor one = bundle->map_private("model/main.safetensors");
  const Tensor two = bundle->map_private("model/main.safetensors");
  CHECK_FALSE(one.readonly());
  one.data<char>()[0] = 'X';
  CHECK(two.data<char>()[0] == 'w');
  CHECK(bundle->read("model/main.safetensors").readonly());
  CHECK(bundle->read("model/main.safetensors").data<char>()[0] == 'w');
  CHECK(read_text(folder / "x.mb") == before);
}

TEST_CASE("container: from a path, a descriptor and memory alike") {
  const TemporaryFolder folder;
  write_bundle(folder / "x.mb", sample(), {});
  const std::string digest = Bundle::open(folder / "x.mb")->digest();
  std::shared_ptr<const Bundle> from_fd;
  {
    const UniqueFd fd = open_file(folder / "x.mb");
    from_fd = Bundle::open_fd(fd.get());
  }
  CHECK(from_fd->digest() == digest);
  CHECK(from_fd->text("assets/labels.txt") == "a\nb\n");
  const std::string bytes = read_text(folder / "x.mb");
  int released = 0;
  Tensor kept;
  {
    const auto bundle = Bundle::open_memory(bytes.data(), bytes.size(), [&] { ++released; });
    CHECK(bundle->digest() == digest);
    kept = bundle->read("model/main.safetensors");
    bundle->map_private("model/main.safetensors").data<char>()[0] = 'X';
  }
  CHECK(released == 0);
  CHECK(kept.bytes() == std::string(100, 'w'));
  kept = Tensor();
  CHECK(released == 1);
  CHECK_THROWS_AS(Bundle::open_memory("junk", 4, [&] { ++released; }), Error);
  CHECK(released == 2);
}

TEST_CASE("container: every truncation is refused") {
  const std::string file = packed_bytes(sample());
  for (size_t n = 0; n < file.size(); ++n) {
    if (refusal(file.substr(0, n)).empty()) FAIL("accepted: the first " << n << " bytes");
  }
}

TEST_CASE("container: every changed byte is refused") {
  std::string file = packed_bytes(sample());
  const std::vector<bool> weights = weight_bytes(file);
  for (size_t i = 0; i < file.size(); ++i) {
    for (const char flip : {'\x01', '\x41', '\xff'}) {
      file[i] = static_cast<char>(file[i] ^ flip);
      if (!weights[i] && !refused_on_use(file)) FAIL("accepted: byte " << i << " changed");
      if (weights[i] && refusal(file).empty()) FAIL("verified: byte " << i << " of weights changed");
      file[i] = static_cast<char>(file[i] ^ flip);
    }
  }
}

TEST_CASE("container: 20,000 random mutations are refused") {
  const std::string good = packed_bytes(sample());
  const std::vector<bool> weights = weight_bytes(good);
  std::mt19937 random(1);
  const auto below = [&](size_t n) { return static_cast<size_t>(random() % n); };
  for (int round = 0; round < 20000; ++round) {
    std::string file = good;
    bool outside = false;
    for (size_t k = 1 + below(8); k > 0; --k) {
      const size_t i = below(2) == 0 ? below(file.size()) : file.size() - 1 - below(600);
      const char values[] = {'\0', '\xff', static_cast<char>(below(256))};
      file[i] = values[below(3)];
    }
    for (size_t i = 0; i < file.size(); ++i) outside = outside || (!weights[i] && file[i] != good[i]);
    if (outside && !refused_on_use(file)) FAIL("accepted in round " << round);
  }
}

TEST_CASE("container: bytes before, after and between are refused") {
  const std::string file = packed_bytes(sample());
  CHECK(contains(refusal(file + '\0'), "end record"));
  CHECK(!refusal(std::string(64, '\0') + file).empty());
  CHECK(!refusal(file + file).empty());
  CHECK(!refusal("").empty());
  CHECK(!refusal(std::string(22, '\0')).empty());
  CHECK(!refusal(end_records(0, 0, 0)).empty());
}

TEST_CASE("container: a newer format has its own message") {
  std::vector<RawEntry> entries = raw_sample();
  entries[0].bytes = "mrun-bundle 2\n";
  CHECK(contains(refusal(build(entries)), "is of bundle format 2, this mrun reads format 1; a newer mrun is wanted"));
  entries[0].bytes = "mrun-bundle 12\nand whatever comes with it";
  CHECK(contains(refusal(build(entries)), "is of bundle format 12"));
  CHECK(contains(refusal(build(entries) + "not even a ZIP file"), "is of bundle format 12"));
  for (const char *text :
       {"mrun-bundle 0\n", "mrun-bundle x\n", "mrun-bundle 1 ", "mrun-bundle 01\n", "mrun-bundle \n"}) {
    entries[0].bytes = text;
    CHECK(contains(refusal(build(entries)), "not a bundle, or damaged"));
  }
}

TEST_CASE("container: the lock and the directory must agree") {
  std::vector<RawEntry> entries = raw_sample();
  CHECK(refusal(build(entries)).empty());
  Lock lock = lock_of(entries);
  lock.entries["assets/more.txt"] = {3, std::string(64, '0')};
  CHECK(contains(refusal(build(entries, encode_lock(lock))), "lists assets/more.txt, which is not in the file"));
  lock = lock_of(entries);
  lock.entries.erase("preprocess.lua");
  CHECK(contains(refusal(build(entries, encode_lock(lock))), "does not list preprocess.lua"));
  lock = lock_of(entries);
  lock.entries["preprocess.lua"].size = 9;
  CHECK(contains(refusal(build(entries, encode_lock(lock))), "says that preprocess.lua has 9 bytes, it has 8"));
  lock = lock_of(entries);
  lock.entries["bundle.lock"] = {1, std::string(64, '0')};
  CHECK(contains(refusal(build(entries, encode_lock(lock))), "bundle.lock: is no name of an entry"));
}

TEST_CASE("container: the first entry is format, the order is one") {
  std::vector<RawEntry> entries = raw_sample();
  std::swap(entries[1], entries[2]);
  CHECK(contains(refusal(build(entries)), "out of order"));
  entries = raw_sample();
  entries.erase(entries.begin());
  CHECK(contains(refusal(build(entries)), "is no bundle but a ZIP archive that `mrun pack` did not make"));
  entries = raw_sample();
  entries.erase(entries.begin() + 1);
  CHECK(contains(refusal(build(entries)), "bundle.toml: is missing"));
}

TEST_CASE("container: what a name cannot be") {
  for (const char *name : {"assets/x", "assets/x/y"}) {
    std::vector<RawEntry> entries = raw_sample();
    entries.insert(entries.begin() + 1, {{"assets/x", "1"}, {"assets/x/y", "2"}});
    CHECK(contains(refusal(build(entries)), "both a file and a folder"));
    CHECK_THROWS_AS(write_bundle("/nonexistent/x.mb",
                                 {{name, std::string()}, {"assets/X", std::string()}, {"assets/x", std::string()}}, {}),
                    Error);
  }
}

TEST_CASE("container: a signature entry is carried, damaged or huge ones are refused") {
  const auto with_signature = [](const std::string &signature) {
    std::vector<RawEntry> entries = raw_sample();
    entries.push_back({"bundle.lock", encode_lock(lock_of(entries))});
    entries.push_back({"bundle.sig", signature});
    std::string file, directory;
    for (const RawEntry &e : entries) {
      directory += central_header(e.name, e.bytes.size(), crc32(e.bytes), file.size());
      file += local_header(e.name, e.bytes.size(), crc32(e.bytes), file.size()) + e.bytes;
    }
    return file + directory + end_records(entries.size(), directory.size(), file.size());
  };
  std::string good = with_signature("signed");
  CHECK(refusal(good).empty());
  CHECK(open_bytes(good)->entries().size() == 2);
  good[good.find("signed")] = 'S';
  CHECK(contains(refusal(good), "bundle.sig: damaged"));
  CHECK(contains(refusal(with_signature(std::string(size_t{65} << 20, 's'))), "bundle.sig: 68157440 bytes"));
}
