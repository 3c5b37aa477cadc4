// What the tests of core/bundle share: a temporary folder, a small bundle, hand-made containers.
#pragma once
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/hash.h"
#include "bundle/bundle.h"
#include "bundle/writer.h"
#include "catch.h"

namespace mrun::test {

namespace fs = std::filesystem;

struct TemporaryFolder {
  TemporaryFolder() {
    std::string name = (fs::temp_directory_path() / "mrun-test-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  TemporaryFolder(const TemporaryFolder &) = delete;
  TemporaryFolder &operator=(const TemporaryFolder &) = delete;
  fs::path operator/(const std::string &name) const { return path / name; }
  size_t count() const {  // entries, hidden ones too
    return static_cast<size_t>(std::distance(fs::directory_iterator(path), fs::directory_iterator()));
  }

  fs::path path;
};

inline void write_text(const fs::path &path, std::string_view text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

inline std::string read_text(const fs::path &path) { return read_file(path); }

// Files only; no model is loaded by these tests, so its bytes need not be a model.
inline Contents sample() {
  return {{"bundle.toml", std::string("[bundle]\nname = \"x\"\n")},
          {"preprocess.lua", std::string("return function(x) return x end\n")},
          {"std/torch.lua", std::string("-- std\n")},
          {"assets/empty.bin", std::string()},
          {"assets/labels.txt", std::string("a\nb\n")},
          {"model/main.graph.pt", std::string("graph")},
          {"model/main.safetensors", std::string(100, 'w')}};
}

inline std::string packed_bytes(const Contents &contents, const Lock &lock = {}) {
  const TemporaryFolder folder;
  write_bundle(folder / "x.mb", contents, lock);
  return read_text(folder / "x.mb");
}

inline std::shared_ptr<const Bundle> open_bytes(const std::string &bytes, const OpenOptions &options = {}) {
  return Bundle::open_memory(bytes.data(), bytes.size(), nullptr, options);
}

// The message with which bytes are refused, hashes included; empty where they are accepted.
inline std::string refusal(const std::string &bytes) {
  try {
    open_bytes(bytes, {.revision = {}, .verify = true});
    return {};
  } catch (const Error &e) {
    if (e.code != MRUN_BUNDLE && e.code != MRUN_VERIFY && e.code != MRUN_MISSING) {
      return std::string("wrong code ") + code_name(e.code) + ": " + e.message;
    }
    return e.message;
  }
}

// Runs f, which must throw; gives the error.
template <class F>
Error error_of(F f) {
  try {
    f();
  } catch (const Error &e) { return e; }
  FAIL("no error");
  return {};
}

inline bool contains(const std::string &text, const std::string &part) { return text.find(part) != std::string::npos; }

// A container put together by hand: any header may be replaced by another one.
struct RawEntry {
  std::string name, bytes;
  std::string local = {}, central = {};  // empty: as the writer makes them
};

inline Lock lock_of(const std::vector<RawEntry> &entries) {
  Lock lock;
  for (const RawEntry &e : entries) {
    if (e.name != "bundle.lock") lock.entries[e.name] = {e.bytes.size(), sha256_hex(e.bytes)};
  }
  return lock;
}

inline std::vector<RawEntry> raw_sample() {
  return {{"format", std::string(format_text)},
          {"bundle.toml", "[bundle]\nname = \"x\"\n"},
          {"preprocess.lua", "return 1"}};
}

// Adds the lock; the caller may have changed entries or headers before.
inline std::string build(std::vector<RawEntry> entries, const std::string &lock = {}) {
  entries.push_back({"bundle.lock", lock.empty() ? encode_lock(lock_of(entries)) : lock});
  std::string file, directory;
  for (const RawEntry &e : entries) {
    const uint64_t offset = file.size();
    const uint32_t crc = crc32(e.bytes);
    directory += e.central.empty() ? central_header(e.name, e.bytes.size(), crc, offset) : e.central;
    file += e.local.empty() ? local_header(e.name, e.bytes.size(), crc, offset) : e.local;
    file += e.bytes;
  }
  const std::string end = end_records(entries.size(), directory.size(), file.size());
  return file + directory + end;
}

template <class T>
void patch(std::string &bytes, size_t at, T value) {
  std::memcpy(bytes.data() + at, &value, sizeof(value));
}

}  // namespace mrun::test
