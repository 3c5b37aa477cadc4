#include "bundle/models.h"

#include "bundle/manifest.h"
#include "support.h"

using namespace mrun;
using namespace mrun::test;

namespace {

ModelConfig model(const std::string &name, const std::string &file) {
  ModelConfig m;
  m.name = name;
  m.file = file;
  return m;
}

}  // namespace

TEST_CASE("models: how packing names them") {
  CHECK(model_pair(model("main", "model.pt")).graph == "model/main.graph.pt");
  CHECK(model_pair(model("main", "model.pt")).weights == "model/main.safetensors");
  CHECK(model_pair(model("ear", "nets/a.pth")).graph == "model/ear.graph.pt");
  CHECK(model_pair(model("eye", "net.onnx")).graph == "model/eye.graph.onnx");
  CHECK(whole_model(model("eye", "a.b/net.onnx")) == "model/eye.onnx");
  CHECK(whole_model(model("eye", "a.b/net")) == "model/eye");
  CHECK(model_pair(model("eye", "a.b/net")).graph == "model/eye.graph");
  CHECK(model_pair(model("eye", "a.b/net.tiny.json")).graph == "model/eye.graph.tiny.json");
  CHECK(model_pair(model("eye", ".hidden.v2.pt")).graph == "model/eye.graph.pt");
  CHECK(early_model_pair(model("eye", "a.b/net")).graph == "model/eye.graph.pt");
  CHECK(early_whole_model(model("eye", "net.tiny.json")) == "model/eye.json");
}

TEST_CASE("models: which files are theirs") {
  const std::vector<ModelConfig> none, eye{model("eye", "net.onnx")};
  for (const char *path : {"model.pt", "model/main.graph.pt", "model/main.safetensors", "model/main/extra.bin"}) {
    CHECK(belongs_to_models(path, none));
  }
  for (const char *path : {"net.onnx", "model/eye.onnx", "model/eye.graph.onnx", "model/eye/net.data"}) {
    CHECK(belongs_to_models(path, eye));
    CHECK_FALSE(belongs_to_models(path, none));
  }
  for (const char *path : {"model.pt", "model/ear/net.data", "model/eye.data", "train.py"}) {
    CHECK_FALSE(belongs_to_models(path, eye));
  }
  CHECK(is_weights("model/a.pt"));
  CHECK(is_weights("model/a.safetensors"));
  CHECK_FALSE(is_weights("a.pt"));
  CHECK_FALSE(is_weights("model/a.onnx"));
}

TEST_CASE("models: further files are part of the bundle, and another folder's are not") {
  const TemporaryFolder place;
  write_text(place / "bundle.toml",
             "[bundle]\nname = \"t\"\n[input]\nkind = \"json\"\n[models.eye]\nfile = \"net.onnx\"\n");
  for (const char *name : {"net.onnx", "model/eye/net.data", "model/ear/net.data"}) write_text(place / name, name);
  const auto bundle = Bundle::open(place.path);
  const ModelConfig &eye = bundle->manifest().models.at(0);
  CHECK(bundle->further_model_files(eye) == std::vector<std::string>{"model/eye/net.data"});
  CHECK(bundle->ignored() == std::vector<std::string>{"model/ear/net.data"});
}
