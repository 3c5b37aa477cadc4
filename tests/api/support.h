// What the tests of the host API share: bundles in temporary folders, tensors whose deleters are counted, and a plugin
// that is linked in. They know mrun.h and plugin.hpp alone.
#pragma once
#include <mrun/mrun.h>

#include <atomic>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "catch.h"

namespace host_test {

namespace fs = std::filesystem;

// A folder with a bundle; removed with it.
class Folder {
 public:
  using Files = std::map<std::string, std::string>;
  explicit Folder(const std::string &kind, const Files &files = {}, const std::string &more = "");
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder &) = delete;
  Folder &operator=(const Folder &) = delete;
  std::string path(const std::string &name = "") const { return (path_ / name).string(); }

 private:
  fs::path path_;
};

// An opened and started bundle.
struct Running {
  explicit Running(const Folder &, const mrun_options *options = nullptr);
  ~Running();
  Running(const Running &) = delete;
  Running &operator=(const Running &) = delete;
  mrun_bundle *bundle = nullptr;
  mrun_engine *engine = nullptr;
};

inline mrun_options options(int workers = 1) {
  mrun_options o;
  MRUN_INIT(o);
  o.workers = workers;
  return o;
}

// An answer that outlives its result.
struct Answer {
  int code = -1;
  std::string stage, message, json;
};
Answer run(mrun_engine *, const mrun_value &input, const mrun_item *item = nullptr);
Answer run(mrun_engine *, const char *text);
inline std::string last() { return mrun_last_error()->message == nullptr ? "" : mrun_last_error()->message; }

// A tensor of this program's own memory. `gone` counts deleters.
extern std::atomic<int> gone;
DLManagedTensor *own_tensor(std::vector<int64_t> shape, DLDataType type = {kDLFloat, 32, 1});
mrun_value frame(int64_t height = 2, int64_t width = 2);  // uint8, height x width x 3

// Loads the plugin "probe", which is part of the test: before the first engine starts.
void load_probe();

}  // namespace host_test
