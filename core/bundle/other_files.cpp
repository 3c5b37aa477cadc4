#include "bundle/other_files.h"

#include <algorithm>
#include <iterator>
#include <vector>

#include <mrun/file_kind.hpp>

#include "base/file_kind.h"

namespace mrun {
namespace {

struct Known {
  std::string_view mark;  // the name's end
  const char *what;
};

constexpr const char *a_model =
    "a model by itself; `mrun new NAME --kind KIND` makes a bundle's folder, where it is called model.pt";
constexpr const char *of_weights =
    "what torch.save writes (a state_dict or a whole Python object), which holds no code that runs without Python: "
    "load it there into its model, and save that with torch.jit.script(model.eval()).save(\"model.pt\")";
constexpr const char *of_script = "a script; the bundle is the folder that it lies in";

constexpr Known by_name[] = {
    {".lua", of_script},
    {"bundle.toml", "a bundle's manifest; the bundle is the folder that it lies in"},
};

// Models of other programs, which their bytes do not tell for sure.
constexpr Known other_models[] = {
    {".onnx", "an ONNX model"},
    {".safetensors", "weights by themselves, without code"},
    {".mlmodel", "a Core ML model"},
    {".pb", "a TensorFlow graph"},
    {".pdmodel", "a Paddle model"},
    {".caffemodel", "a Caffe model"},
    {".engine", "a TensorRT engine"},
    {".plan", "a TensorRT engine"},
    {".pkl", "a pickle of Python's"},
    {".pickle", "a pickle of Python's"},
    {".joblib", "a pickle of Python's"},
    {".weights", "weights by themselves, without code"},
    {".keras", "a Keras model"},
    {".h5", "a Keras model"},
    {".tflite", "a TensorFlow Lite model"},
    {".gguf", "a GGUF model"},
    {".pt2", "a program of torch.export"},
    {"pytorch_model.bin", "weights by themselves, without code"},
};

constexpr std::string_view what_is_wanted =
    "; no backend of mrun's own opens it: in a bundle's folder lies TorchScript, which Python saves with "
    "torch.jit.script(model.eval()).save(\"model.pt\")";

template <size_t N>
const Known *by_end(const Known (&all)[N], std::string_view path) {
  const Known *found =
      std::find_if(std::begin(all), std::end(all), [&](const Known &k) { return path.ends_with(k.mark); });
  return found == std::end(all) ? nullptr : found;
}

// The names in a ZIP archive's directory, which stands at its end.
std::vector<std::string_view> archived_names(std::string_view last_bytes) {
  constexpr std::string_view mark = "PK\1\2";
  constexpr size_t header = 46, length_at = 28;
  std::vector<std::string_view> names;
  for (size_t at = last_bytes.find(mark); at < last_bytes.size() && last_bytes.size() - at > header;
       at = last_bytes.find(mark, at + header)) {
    const auto byte = [&](size_t i) { return static_cast<unsigned char>(last_bytes[at + i]); };
    const size_t length = byte(length_at) | static_cast<size_t>(byte(length_at + 1)) << 8;
    names.push_back(last_bytes.substr(at + header, length));
  }
  return names;
}

std::string_view archive_kind(std::string_view last_bytes) {
  for (const std::string_view name : archived_names(last_bytes)) {
    if (const std::string_view kind = known_archive_kind(name); !kind.empty()) return kind;
  }
  return {};
}

// Python's torch.save, in the format of today or in that of old versions. TorchScript has constants.pkl, and both have
// NAME/version near the directory's end.
bool is_torch_save(std::string_view first_bytes, std::string_view last_bytes) {
  if (first_bytes.starts_with('\x80')) return true;
  const std::vector<std::string_view> names = archived_names(last_bytes);
  const auto has = [&](std::string_view part) {
    return std::ranges::any_of(names, [&](std::string_view name) { return name.find(part) != name.npos; });
  };
  return has("/version") && !has("/constants.pkl") && !has("/constants/");
}

// "an ONNX model"; nothing where it is no model of another program's.
std::string_view other_model(std::string_view path, std::string_view kind, std::string_view last_bytes) {
  for (const std::string_view word : {"model", "weights", "HDF5", "engine"}) {
    if (kind.find(word) != kind.npos) return kind;
  }
  if (kind == "a ZIP archive") return archive_kind(last_bytes);
  if (!kind.empty()) return {};
  const Known *named = by_end(other_models, path);
  return named == nullptr ? "" : named->what;
}

}  // namespace

bool is_model_name(std::string_view path) {
  constexpr std::string_view suffixes[] = {".pt", ".pth", ".ptl", ".jit", ".ts", ".torchscript", ".ckpt"};
  return std::ranges::any_of(suffixes, [path](std::string_view suffix) { return path.ends_with(suffix); });
}

std::string other_model_by_name(std::string_view path) {
  const Known *named = by_end(other_models, path);
  return named == nullptr ? "" : std::string(named->what).append(what_is_wanted);
}

std::string other_than_bundle(std::string_view path, std::string_view first_bytes, std::string_view last_bytes) {
  if (first_bytes.empty()) return "is empty";
  constexpr std::string_view bundle = "is no bundle but ";
  const std::string_view kind = file_kind(first_bytes), model = other_model(path, kind, last_bytes);
  if (model.starts_with("NumPy")) return std::string(bundle).append(model);
  if (!model.empty()) return std::string(bundle).append(model).append(what_is_wanted);
  const bool archive = first_bytes.starts_with("PK");
  if (is_model_name(path) && (kind.empty() || archive))
    return std::string(bundle).append(is_torch_save(first_bytes, last_bytes) ? of_weights : a_model);
  const bool may_be = kind.empty() || kind == "JSON text" || kind == "a text";
  if (const Known *name = by_end(by_name, path); name != nullptr && may_be)
    return std::string(bundle).append(name->what);
  if (kind.empty()) return "";
  std::string text = std::string(bundle).append(kind);
  if (archive) text += " that `mrun pack` did not make; `mrun pack DIR` makes a .mb of a bundle's folder";
  if (kind.ends_with("picture")) text += "; the bundle comes first: mrun BUNDLE INPUT";
  return text;
}

}  // namespace mrun
