#include "bundle/folder.h"

#include "bundle/unpack.h"
#include "support.h"

using namespace mrun;
using namespace mrun::test;

namespace {

struct Example : TemporaryFolder {
  Example() {
    write_text(*this / "bundle.toml", "[bundle]\nname = \"x\"\n");
    write_text(*this / "preprocess.lua", "return 1");
  }
  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const EntryInfo &e : Bundle::open(path)->entries()) out.push_back(e.path);
    return out;
  }
  Error error() const {
    return error_of([this] { Bundle::open(path); });
  }
};

}  // namespace

TEST_CASE("folder: what belongs to a bundle, and what is named as ignored") {
  const Example folder;
  for (const char *name :
       {"forward.lua", "postprocess.lua", "README.md", "LICENSE", "model.pt", "lib/names.lua", "lib/deep/more.lua",
        "assets/labels.txt", "assets/sub/x.bin", "examples/one/input.txt", "std/image.lua", "preproccess.lua",
        "train.py", "lib/notes.txt", "old/model.pt", ".git/config", "assets/.DS_Store", "std/image.lua.bak"}) {
    write_text(folder / name, name);
  }
  CHECK(folder.names() == std::vector<std::string>{"LICENSE", "README.md", "assets/labels.txt", "assets/sub/x.bin",
                                                   "bundle.toml", "examples/one/input.txt", "forward.lua",
                                                   "lib/deep/more.lua", "lib/names.lua", "model.pt", "postprocess.lua",
                                                   "preprocess.lua", "std/image.lua"});
  const auto bundle = Bundle::open(folder.path);
  CHECK(bundle->ignored() == std::vector<std::string>{".git/", "assets/.DS_Store", "lib/notes.txt", "old/",
                                                      "preproccess.lua", "std/image.lua.bak", "train.py"});
  CHECK_FALSE(bundle->packed());
  CHECK(bundle->digest().empty());
  CHECK(bundle->lock().is_nil());
  CHECK(bundle->text("lib/names.lua") == "lib/names.lua");
  CHECK(bundle->read("assets/labels.txt").readonly());
  REQUIRE(bundle->manifest().models.size() == 1);
  CHECK(bundle->manifest().models[0].name == "main");
  CHECK(bundle->model_files(bundle->manifest().models[0]).graph == "model.pt");
}

TEST_CASE("folder: models where the manifest says") {
  const Example folder;
  write_text(folder / "bundle.toml", "[models.main]\nfile = \"weights/a.pt\"\n[models.second]\nfile = \"b.pt\"\n");
  write_text(folder / "weights/a.pt", "a");
  write_text(folder / "weights/notes.txt", "n");
  write_text(folder / "b.pt", "b");
  write_text(folder / "model.pt", "unused");
  CHECK(folder.names() == std::vector<std::string>{"b.pt", "bundle.toml", "preprocess.lua", "weights/a.pt"});
  CHECK(Bundle::open(folder.path)->ignored() == std::vector<std::string>{"model.pt", "weights/notes.txt"});
  fs::remove(folder / "b.pt");
  const Error e = folder.error();
  CHECK(e.code == MRUN_MISSING);
  CHECK(contains(e.message, "bundle.toml:3: [models.second]: b.pt is not in the bundle"));
}

TEST_CASE("folder: an unpacked pair stands for the model, a pair and a model are an error") {
  const Example folder;
  write_text(folder / "model/main.graph.pt", "g");
  write_text(folder / "model/main.safetensors", "s");
  const auto bundle = Bundle::open(folder.path);
  REQUIRE(bundle->manifest().models.size() == 1);
  CHECK(bundle->model_files(bundle->manifest().models[0]).weights == "model/main.safetensors");
  write_text(folder / "model.pt", "m");
  CHECK(contains(folder.error().message, "both model.pt and model/main.graph.pt are there"));
  fs::remove(folder / "model.pt");
  fs::remove(folder / "model/main.safetensors");
  CHECK(contains(folder.error().message, "model/main.safetensors is not in the bundle"));
}

TEST_CASE("folder: a model of another kind, packed whole, is found again") {
  const Example folder;
  write_text(folder / "bundle.toml", "[models.net]\nfile = \"net.onnx\"\n");
  write_text(folder / "model/net.onnx", "n");
  const auto bundle = Bundle::open(folder.path);
  CHECK(bundle->model_files(bundle->manifest().models[0]).graph == "model/net.onnx");
  CHECK(bundle->ignored().empty());
}

TEST_CASE("folder: names that cannot be packed") {
  for (const char *name : {"assets/a b.txt", "assets/\xc3\xa4.txt", "lib/x .lua", "assets/bad dir/x"}) {
    const Example folder;
    write_text(folder / name, "x");
    const Error e = folder.error();
    CHECK(e.code == MRUN_BUNDLE);
    CHECK(contains(e.message, "a name has at most 255 bytes"));
  }
  const Example folder;
  write_text(folder / "assets/A", "x");
  write_text(folder / "assets/a", "x");
  CHECK(contains(folder.error().message, "in case only"));
}

TEST_CASE("folder: links are followed inside it and nowhere else") {
  const Example folder;
  write_text(folder / "assets/real.txt", "real");
  fs::create_symlink("real.txt", folder / "assets/link.txt");
  CHECK(Bundle::open(folder.path)->text("assets/link.txt") == "real");
  const TemporaryFolder outside;
  write_text(outside / "secret", "secret");
  fs::create_symlink(outside / "secret", folder / "assets/secret.txt");
  CHECK(contains(folder.error().message, "assets/secret.txt is a link that leads out of the folder"));
  fs::remove(folder / "assets/secret.txt");
  fs::create_symlink("nowhere", folder / "assets/dangling");
  CHECK(contains(folder.error().message, "is a link to nothing"));
  fs::remove(folder / "assets/dangling");
  fs::create_symlink("..", folder / "assets/circle");
  CHECK(contains(folder.error().message, "is a link to a folder"));
  fs::remove(folder / "assets/circle");
  const fs::path link = outside / "to-bundle";
  fs::create_symlink(folder.path, link);
  CHECK(Bundle::open(link)->text("assets/real.txt") == "real");
}

TEST_CASE("folder: errors say what, where and what was wanted") {
  const TemporaryFolder empty;
  CHECK(contains(error_of([&] { Bundle::open(empty.path); }).message, "no bundle.toml in this folder"));
  CHECK(contains(error_of([&] { Bundle::open(empty / "no.mb"); }).message, "no such file"));
  const Example folder;
  write_text(folder / "lib/bad.lua", "-- \xff");
  const auto bundle = Bundle::open(folder.path);
  CHECK(contains(error_of([&] { bundle->text("lib/bad.lua"); }).message, "lib/bad.lua: byte 3 is not UTF-8"));
  const Error missing = error_of([&] { bundle->read("preproces.lua"); });
  CHECK(missing.code == MRUN_MISSING);
  CHECK(contains(missing.message, "no preproces.lua in this bundle; did you mean 'preprocess.lua'?"));
  CHECK(error_of([&] { Bundle::open(folder.path, {.revision = "1", .verify = false}); }).code == MRUN_MISSING);
}

TEST_CASE("folder: large files are mapped, weights can be written without touching the file") {
  const Example folder;
  const std::string large(size_t{3} << 20, 'l');
  write_text(folder / "assets/large.bin", large);
  write_text(folder / "model.pt", large);
  const auto bundle = Bundle::open(folder.path);
  CHECK(bundle->read("assets/large.bin").bytes() == large);
  const Tensor weights = bundle->map_private("model.pt");
  CHECK_FALSE(weights.readonly());
  weights.data<char>()[5] = 'X';
  CHECK(read_text(folder / "model.pt") == large);
}

TEST_CASE("folder: a changed file does not change what was read") {
  const Example folder;
  const auto bundle = Bundle::open(folder.path);
  CHECK(bundle->text("preprocess.lua") == "return 1");
  write_text(folder / "preprocess.lua", "return 2");
  CHECK(bundle->text("preprocess.lua") == "return 1");
}
