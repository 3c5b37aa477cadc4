#include "bundle/other_files.h"

#include <algorithm>
#include <iterator>

#include "base/file_kind.h"

namespace mrun {
namespace {

struct Known {
  std::string_view mark;  // the name's end
  const char *what;
};

constexpr const char *of_model =
    "a model by itself; `mrun new NAME --kind KIND` makes a bundle's folder, where it is called model.pt";
constexpr const char *of_script = "a script; the bundle is the folder that it lies in";

constexpr Known by_name[] = {
    {".pt", of_model},
    {".pth", of_model},
    {".torchscript", of_model},
    {".ckpt", of_model},
    {".onnx",
     "an ONNX model, which no backend of mrun's own opens; TorchScript is wanted (model.pt in a bundle's folder)"},
    {".safetensors", "weights by themselves, without code; a bundle's model is TorchScript (model.pt in its folder)"},
    {".lua", of_script},
    {"bundle.toml", "a bundle's manifest; the bundle is the folder that it lies in"},
};
}  // namespace

std::string other_than_bundle(std::string_view path, std::string_view first_bytes) {
  if (first_bytes.empty()) return "is empty";
  constexpr std::string_view bundle = "is no bundle but ";
  const std::string_view kind = file_kind(first_bytes);
  const bool archive = first_bytes.starts_with("PK");
  if (kind.empty() || archive || kind == "JSON text" || kind == "a text") {
    const auto *name =
        std::find_if(std::begin(by_name), std::end(by_name), [&](const Known &k) { return path.ends_with(k.mark); });
    if (name != std::end(by_name)) return std::string(bundle).append(name->what);
  }
  if (kind.empty()) return "";
  std::string text = std::string(bundle).append(kind);
  if (archive) text += " that `mrun pack` did not make; `mrun pack DIR` makes a .mb of a bundle's folder";
  if (kind.ends_with("picture")) text += "; the bundle comes first: mrun BUNDLE INPUT";
  return text;
}

}  // namespace mrun
