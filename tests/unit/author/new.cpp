#include "author/new.h"

#include <unistd.h>

#include "base/file.h"
#include "bundle/bundle.h"
#include "catch.h"

using namespace mrun;
namespace fs = std::filesystem;

namespace {

struct Folder {
  Folder() {
    std::string name = fs::temp_directory_path() / "mrun-new-XXXXXX";
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Folder() { fs::remove_all(path); }
  size_t entries() const {
    return static_cast<size_t>(std::distance(fs::directory_iterator(path), fs::directory_iterator()));
  }
  fs::path path;
};

Error error_of(const std::function<void()> &f) {
  try {
    f();
  } catch (const Error &e) { return e; }
  return {MRUN_OK, "no error"};
}

}  // namespace

TEST_CASE("new: every kind is a bundle of that kind") {
  const Folder folder;
  for (const char *kind : {"text", "image", "audio", "bytes", "json", "tensor", "record"}) {
    INFO(kind);
    make_new(folder.path / kind, kind);
    const auto bundle = Bundle::open(folder.path / kind);
    CHECK(bundle->manifest().name == kind);
    CHECK(input_kind_name(bundle->manifest().input) == std::string(kind));
    CHECK(bundle->has("preprocess.lua"));
    CHECK(bundle->has("postprocess.lua"));
    CHECK(read_file(folder.path / kind / "bundle.toml").find('@') == std::string::npos);
    CHECK(read_file(folder.path / kind / "README.md").find('@') == std::string::npos);
  }
  CHECK(folder.entries() == 7);
}

TEST_CASE("new: any name that a folder can have") {
  const Folder folder;
  for (const char *name : {"a b", "é", "quo\"te", "back\\slash", "it's", "@NAME@", "new\nline"}) {
    make_new(folder.path / name, "text");
    CHECK(Bundle::open(folder.path / name)->manifest().name == name);
  }
  make_new(folder.path / "slash" / "", "text");
  CHECK(Bundle::open(folder.path / "slash")->manifest().name == "slash");
}

TEST_CASE("new: what is there already stays as it is") {
  const Folder folder;
  fs::create_directory(folder.path / "there");
  fs::create_symlink("nowhere", folder.path / "link");
  for (const char *name : {"there", "link"}) {
    const Error e = error_of([&] { make_new(folder.path / name, "text"); });
    CHECK(e.code == MRUN_USAGE);
    CHECK(e.message.ends_with("is there already; want a new folder's name"));
  }
  CHECK(fs::is_empty(folder.path / "there"));
  CHECK(folder.entries() == 2);
}

TEST_CASE("new: what cannot be made is said, and nothing is left") {
  const Folder folder;
  CHECK(
      error_of([&] { make_new(folder.path / "a", "imgae"); }).message ==
      "'imgae' is not a kind of input; did you mean 'image'?; want text, image, audio, bytes, json, tensor or record");
  CHECK(error_of([&] { make_new(folder.path / "a", ""); }).code == MRUN_USAGE);
  CHECK(error_of([&] { make_new(folder.path / "no" / "a", "text"); }).code == MRUN_IO);
  CHECK(error_of([&] { make_new(folder.path / "\xff", "text"); }).code == MRUN_USAGE);
  for (const char *name : {"", ".", "..", "/"}) CHECK(error_of([&] { make_new(name, "text"); }).code != MRUN_OK);
  CHECK(folder.entries() == 0);
}
