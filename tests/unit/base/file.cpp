#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "base/sealed_file.h"
#include "catch.h"

using namespace mrun;
namespace fs = std::filesystem;

namespace {

struct Folder {
  Folder() {
    std::string name = fs::temp_directory_path() / "mrun-XXXXXX";
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Folder() { fs::remove_all(path); }
  fs::path path;
};

Error error_of(const std::function<void()> &f) {
  try {
    f();
  } catch (const Error &e) { return e; }
  return {MRUN_OK, "no error"};
}

void fill(const fs::path &path, const std::string &text) { std::ofstream(path, std::ios::binary) << text; }

size_t entries(const fs::path &folder) {
  return static_cast<size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

}  // namespace

TEST_CASE("file: a whole file is read, a pipe and an empty one too") {
  const Folder folder;
  const std::string text(1'000'000, 'x');
  fill(folder.path / "a", text);
  fill(folder.path / "empty", "");
  CHECK(read_file(folder.path / "a") == text);
  CHECK(read_file(folder.path / "empty").empty());
  CHECK_FALSE(read_file("/proc/self/status").empty());  // its size is given as 0
  REQUIRE(::mkfifo((folder.path / "pipe").c_str(), 0600) == 0);
  std::thread writer([&] { fill(folder.path / "pipe", text); });
  CHECK(read_file(folder.path / "pipe") == text);
  writer.join();
}

TEST_CASE("file: what cannot be read is named, with the caller's code where it is not there") {
  const Folder folder;
  const Error missing = error_of([&] { read_file(folder.path / "none", MRUN_MISSING); });
  CHECK(missing.code == MRUN_MISSING);
  CHECK(missing.message == (folder.path / "none").string() + ": no such file");
  const Error directory = error_of([&] { read_file(folder.path); });
  CHECK(directory.code == MRUN_INPUT);
  CHECK(directory.message == folder.path.string() + ": is a folder; a file is wanted");
  fill(folder.path / "a", "text");
  CHECK(error_of([&] { read_file(folder.path / "a" / "b"); }).message.find("not a folder") != std::string::npos);
  CHECK(error_of([&] { read_file(""); }).message == "the path is empty; a file is wanted");
  CHECK(error_of([&] { read_file(std::string("a\0b", 3)); }).message.find("zero byte") != std::string::npos);
  CHECK(error_of([&] { read_file(folder.path / std::string(300, 'x')); }).code == MRUN_INPUT);
  const Error hostile = error_of([&] { read_file("a\x1b[31m\nb"); });
  CHECK(hostile.message == "a\\x1b[31m\\nb: no such file");
  CHECK(error_of([&] { read_file(folder.path / "a", MRUN_INPUT, 3); }).message.find("larger than the 3 bytes") !=
        std::string::npos);
  CHECK(read_file(folder.path / "a", MRUN_INPUT, 4) == "text");
}

TEST_CASE("file: permission denied is the system's refusal") {
  const Folder folder;
  fill(folder.path / "secret", "x");
  REQUIRE(::chmod((folder.path / "secret").c_str(), 0) == 0);
  if (::geteuid() != 0) {  // root may read it
    const Error e = error_of([&] { read_file(folder.path / "secret"); });
    CHECK(e.code == MRUN_IO);
    CHECK(e.message.ends_with("secret: cannot open: Permission denied"));
  }
}

TEST_CASE("file: mappings see the file, and outlive its name and descriptor") {
  const Folder folder;
  fill(folder.path / "a", std::string(5000, 'a') + "end");
  const auto map = FileMap::open(folder.path / "a");
  fs::remove(folder.path / "a");
  CHECK(map->size() == 5003);
  CHECK(map->bytes().ends_with("aend"));
  fill(folder.path / "empty", "");
  const auto empty = FileMap::open(folder.path / "empty");
  CHECK(empty->size() == 0);
  CHECK(empty->data() != nullptr);
}

TEST_CASE("file: a private mapping of a range can be written, and the file stays") {
  const Folder folder;
  fill(folder.path / "a", std::string(4096, 'a') + "bcd");
  const UniqueFd fd = open_file(folder.path / "a");
  const auto map = FileMap::range(fd.get(), "a", 4096, 2, FileMap::Mode::private_writable);
  const auto other = FileMap::range(fd.get(), "a", 4096, 2, FileMap::Mode::private_writable);
  CHECK(map->bytes() == "bc");
  *static_cast<char *>(map->data()) = 'x';
  CHECK(map->bytes() == "xc");
  CHECK(other->bytes() == "bc");
  CHECK(read_file(folder.path / "a").ends_with("abcd"));
}

TEST_CASE("file: ranges outside the file, and what is no file, are refused") {
  const Folder folder;
  fill(folder.path / "a", "abc");
  const UniqueFd fd = open_file(folder.path / "a");
  const auto range = [&](uint64_t offset, size_t size) {
    return error_of([&] { FileMap::range(fd.get(), "a", offset, size, FileMap::Mode::read_only); }).code;
  };
  CHECK(range(0, 4) == MRUN_INTERNAL);
  CHECK(range(4096, 0) == MRUN_INTERNAL);
  CHECK(range(1, 1) == MRUN_INTERNAL);
  CHECK(range(UINT64_MAX - 4095, SIZE_MAX) == MRUN_INTERNAL);
  CHECK(error_of([] { FileMap::open("/dev/null"); }).message == "/dev/null: is a device; a file is wanted");
  CHECK(error_of([] { read_file("/dev/zero"); }).message == "/dev/zero: is a device; a file is wanted");
  REQUIRE(::mkfifo((folder.path / "pipe").c_str(), 0600) == 0);
  CHECK(error_of([&] { read_file(folder.path / "pipe"); }).message.find("nobody writes to") != std::string::npos);
  CHECK(error_of([&] { FileMap::open(folder.path, MRUN_BUNDLE); }).code == MRUN_BUNDLE);
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const UniqueFd in(ends[0]), out(ends[1]);
  CHECK(error_of([&] { FileMap::of(in.get(), "pipe"); }).message.find("not a regular file") != std::string::npos);
}

TEST_CASE("file: atomic writing replaces the whole file and leaves nothing else") {
  const Folder folder;
  write_file_atomic(folder.path / "a", "one");
  CHECK(read_file(folder.path / "a") == "one");
  REQUIRE(::chmod((folder.path / "a").c_str(), 0640) == 0);
  const auto before = FileMap::open(folder.path / "a");
  write_file_atomic(folder.path / "a", "two");
  CHECK(read_file(folder.path / "a") == "two");
  CHECK(before->bytes() == "one");  // the old inode stays for who mapped it
  struct stat status = {};
  REQUIRE(::stat((folder.path / "a").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0640);
  CHECK(entries(folder.path) == 1);
}

TEST_CASE("file: a failure while writing leaves the old file and no other") {
  const Folder folder;
  fill(folder.path / "a", "old");
  const Error e = error_of([&] {
    write_file_atomic(folder.path / "a", [](int fd) {
      write_all(fd, "half", "a");
      fail(MRUN_VERIFY, "stop");
    });
  });
  CHECK(e.code == MRUN_VERIFY);
  CHECK(read_file(folder.path / "a") == "old");
  CHECK(entries(folder.path) == 1);
}

TEST_CASE("file: writing through a link replaces what it points to") {
  const Folder folder;
  fill(folder.path / "real", "old");
  fs::create_symlink("real", folder.path / "link");
  write_file_atomic(folder.path / "link", "new");
  CHECK(fs::is_symlink(folder.path / "link"));
  CHECK(read_file(folder.path / "real") == "new");
}

TEST_CASE("file: a target that cannot be written is named") {
  const Folder folder;
  const auto code = [](const fs::path &path) { return error_of([&] { write_file_atomic(path, "x"); }); };
  CHECK(code(folder.path).message.ends_with("is a folder; a file is wanted"));
  CHECK(code(folder.path / "none" / "a").message.ends_with("none is not there; a folder that is there is wanted"));
  CHECK(code(folder.path / "none" / "a").code == MRUN_IO);
  CHECK(code(folder.path / "").code == MRUN_IO);
  CHECK(code("/dev/null").message == "/dev/null: is not a regular file");
  write_file_atomic(folder.path / std::string(255, 'n'), "the longest name there is");
  CHECK(entries(folder.path) == 1);
}

TEST_CASE("file: a full device is reported, with the system's words") {
  const UniqueFd full(::open("/dev/full", O_WRONLY));
  REQUIRE(full);
  const Error e = error_of([&] { write_all(full.get(), "x", "out.json"); });
  CHECK(e.code == MRUN_IO);
  CHECK(e.message == "out.json: cannot write: No space left on device");
}

TEST_CASE("file: threads that write one file leave one whole version") {
  const Folder folder;
  std::vector<std::thread> threads;
  for (char c = 'a'; c < 'e'; ++c) {
    threads.emplace_back([&, c] {
      for (int i = 0; i < 20; ++i) write_file_atomic(folder.path / "a", std::string(100'000, c));
    });
  }
  for (std::thread &t : threads) t.join();
  const std::string text = read_file(folder.path / "a");
  CHECK(text == std::string(100'000, text[0]));
  CHECK(entries(folder.path) == 1);
}

TEST_CASE("file: descriptors close themselves, once") {
  UniqueFd a(::open("/dev/null", O_RDONLY));
  const int number = a.get();
  UniqueFd b = std::move(a);
  CHECK_FALSE(a);
  CHECK(b.get() == number);
  b = UniqueFd();
  CHECK(::fcntl(number, F_GETFD) == -1);
}

TEST_CASE("a large file is sealed as it was, and only memory that it fills is known by it") {
  const Folder folder;
  const fs::path path = folder.path / "large";
  fill(path, std::string(SealedFile::least, 'x') + "end");
  const UniqueFd fd = open_file(path);
  const auto sealed = SealedFile::read(fd.get(), "large");
  REQUIRE(sealed != nullptr);
  fs::resize_file(path, 3);
  const std::string_view bytes(static_cast<const char *>(sealed->data()), sealed->size());
  CHECK(bytes.size() == SealedFile::least + 3);
  CHECK(bytes.ends_with("xend"));
  const int descriptor = SealedFile::descriptor_of(bytes);
  REQUIRE(descriptor >= 0);
  CHECK(::pwrite(descriptor, "y", 1, 0) < 0);
  CHECK(::ftruncate(descriptor, 1) != 0);
  CHECK(SealedFile::descriptor_of(bytes.substr(1)) == -1);
  CHECK(SealedFile::descriptor_of(bytes.substr(0, 10)) == -1);
  CHECK(SealedFile::read(fd.get(), "now small") == nullptr);
  CHECK(SealedFile::read(open_file("/proc/self/status").get(), "no size") == nullptr);
}

TEST_CASE("no more files are sealed at once than may be, and those that are gone do not count") {
  const Folder folder;
  const fs::path path = folder.path / "large";
  fill(path, std::string(SealedFile::least, 'x'));
  const UniqueFd fd = open_file(path);
  for (int round = 0; round < 2; ++round) {
    std::vector<std::shared_ptr<const SealedFile>> all;
    for (int i = 0; i < SealedFile::most; ++i) all.push_back(SealedFile::read(fd.get(), "large"));
    CHECK(all.back() != nullptr);
    CHECK(SealedFile::read(fd.get(), "one too many") == nullptr);
  }
}
