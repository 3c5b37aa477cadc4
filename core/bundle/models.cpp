#include "bundle/models.h"

#include <algorithm>
#include <filesystem>

#include "bundle/manifest.h"

namespace mrun {
namespace {

constexpr std::string_view folder = "model/", weights_suffix = ".safetensors", torch_suffix = ".pt";

std::string stem_of(std::string_view model) { return std::string(folder).append(model); }

// What a backend may know a file by: ".pt" of "net.v2.pt", all of ".tiny.json" of "net.tiny.json"; empty where the name
// has none.
std::string suffix_of(std::string_view file) {
  const size_t slash = file.rfind('/');
  if (slash != std::string_view::npos) file.remove_prefix(slash + 1);
  const size_t last = file.rfind('.'), first = file.find('.', 1);
  if (first == std::string_view::npos) return {};
  const std::string_view short_one = file.substr(last);
  return std::string(short_one == torch_suffix || short_one == ".pth" ? short_one : file.substr(first));
}

}  // namespace

// .pth is another name of .pt.
ModelFiles model_pair(const ModelConfig &model) {
  const std::string stem = stem_of(model.name), suffix = suffix_of(model.file);
  const std::string kept = suffix == ".pth" ? std::string(torch_suffix) : suffix;
  return {stem + ".graph" + kept, stem + std::string(weights_suffix)};
}

std::string whole_model(const ModelConfig &model) { return stem_of(model.name) + suffix_of(model.file); }

ModelFiles early_model_pair(const ModelConfig &model) {
  const std::string suffix = std::filesystem::path(model.file).extension().string();
  const std::string kept = suffix.empty() || suffix == ".pth" ? std::string(torch_suffix) : suffix;
  return {stem_of(model.name) + ".graph" + kept, stem_of(model.name) + std::string(weights_suffix)};
}

std::string early_whole_model(const ModelConfig &model) {
  return stem_of(model.name) + std::filesystem::path(model.file).extension().string();
}

std::string further_files(const std::string &model) { return stem_of(model) + "/"; }

bool is_packed_model(std::string_view path) { return path.starts_with(folder); }

bool is_weights(std::string_view path) {
  return is_packed_model(path) && (path.ends_with(weights_suffix) || path.ends_with(torch_suffix));
}

bool is_model_file(std::string_view path) { return is_packed_model(path) || path.ends_with(torch_suffix); }

bool of_model(std::string_view path, std::string_view model) {
  const std::string stem = stem_of(model);
  return path.starts_with(stem + ".") || path.starts_with(stem + "/");
}

bool belongs_to_models(std::string_view path, const std::vector<ModelConfig> &given) {
  if (is_weights(path)) return true;
  const std::vector<ModelConfig> models = given.empty() ? std::vector{main_model()} : given;
  return std::any_of(models.begin(), models.end(), [&](const ModelConfig &m) {
    return path == m.file || path == whole_model(m) || path == model_pair(m).graph ||
           path == early_model_pair(m).graph || path == early_whole_model(m) || path.starts_with(further_files(m.name));
  });
}

ModelConfig main_model() {
  ModelConfig model;
  model.name = default_model_name;
  model.file = default_model_file;
  model.options = Value::map({});
  return model;
}

}  // namespace mrun
