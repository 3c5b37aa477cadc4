// Models: where they lie in a bundle and what their files are called.
//
//   model.pt                  of a folder whose bundle.toml has no [models.…]: the model "main"
//   (as bundle.toml says)     a folder's model file, `file = "net.pt"`
//   model/NAME.graph.pt       what packing makes of it: the graph (the suffix tells the backend) …
//   model/NAME.safetensors    … and its weights
//   model/NAME.pt             or the whole file, with the suffix it had, where it is not split
//   model/NAME/…              further files, which the backend reads by name
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace mrun {

struct ModelConfig;

// One file, then `weights` is empty, or a pair.
struct ModelFiles {
  std::string graph, weights;
};

inline constexpr std::string_view default_model_name = "main", default_model_file = "model.pt";

ModelFiles model_pair(const ModelConfig &);    // as packing names it
std::string whole_model(const ModelConfig &);  // as packing names a file that it does not split
// Both as mrun 1.0.0 named them: by the last part of a suffix, and ".pt" where there was none.
ModelFiles early_model_pair(const ModelConfig &);
std::string early_whole_model(const ModelConfig &);
std::string further_files(const std::string &model);  // the folder of a model's further files, "model/NAME/"
bool is_packed_model(std::string_view path);          // lies where packing puts models
bool is_weights(std::string_view path);               // model/*.safetensors, model/*.pt: aligned to pages, mapped
bool is_model_file(std::string_view path);            // of some model, by its name
bool of_model(std::string_view path, std::string_view model);  // a file that packing made of this model
// Whether a folder's file belongs to one of the models that bundle.toml names, or where it names none to "main".
bool belongs_to_models(std::string_view path, const std::vector<ModelConfig> &);
ModelConfig main_model();  // of a bundle whose manifest names no model

}  // namespace mrun
