#include "exec/model_reader.h"

#include <algorithm>

#include "base/text.h"
#include "plugin/call.h"

namespace mrun {
ModelReader::ModelReader(const Bundle &bundle, const ModelConfig &model)
    : bundle_(bundle), folder_(further_files(model.name)) {
  for (const std::string &path : bundle.further_model_files(model)) names_.push_back(path.substr(folder_.size()));
}

void ModelReader::offer(mrun_model_source &source) {
  source.files = this;
  source.file = &ModelReader::file;
  source.read = &ModelReader::read;
  source.map = &ModelReader::map;
}

const char *ModelReader::file(void *files, size_t index) {
  const auto &names = static_cast<const ModelReader *>(files)->names_;
  return index < names.size() ? names[index].c_str() : nullptr;
}

std::string ModelReader::path_of(const char *name) const {
  if (name == nullptr) fail(MRUN_USAGE, "the name of a model's file is NULL");
  if (std::find(names_.begin(), names_.end(), name) == names_.end()) {
    fail(MRUN_MISSING, "no {}{} in this bundle{}", folder_, printable(name, 100), did_you_mean(name, names_));
  }
  return folder_ + name;
}

int ModelReader::read(mrun_call *call, void *files, const char *name, mrun_value *bytes) {
  const auto *reader = static_cast<const ModelReader *>(files);
  return answer_native(call, [&] { *bytes = reader->bundle_.read(reader->path_of(name)).release(); });
}

int ModelReader::map(mrun_call *call, void *files, const char *name, mrun_value *bytes) {
  const auto *reader = static_cast<const ModelReader *>(files);
  return answer_native(call, [&] { *bytes = reader->bundle_.map_private(reader->path_of(name)).release(); });
}

}  // namespace mrun
