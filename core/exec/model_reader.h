// A model's further files, as plugin.h offers them to its backend: by name, read or mapped.
#pragma once
#include <string>
#include <vector>

#include "bundle/bundle.h"
#include "plugin/call.h"

namespace mrun {

class ModelReader {
 public:
  ModelReader(const Bundle &, const ModelConfig &);  // the bundle must outlive it
  void offer(mrun_model_source &);                   // valid as long as this object

 private:
  static const char *file(void *files, size_t index);
  static int read(mrun_call *, void *files, const char *name, mrun_value *bytes);
  static int map(mrun_call *, void *files, const char *name, mrun_value *bytes);
  std::string path_of(const char *name) const;  // throws MISSING
  const Bundle &bundle_;
  std::string folder_;
  std::vector<std::string> names_;
};

}  // namespace mrun
