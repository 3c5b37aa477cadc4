#include "author/pack.h"

#include <unistd.h>

#include <set>

#include "author/split_model.h"
#include "author/verify.h"
#include "author/version.h"
#include "bundle/folder.h"
#include "bundle/writer.h"

#include "script/state.h"

namespace mrun {
namespace {

namespace fs = std::filesystem;

struct Packing {
  const Folder &folder;
  const PackOptions &options;
  Contents contents;
  std::vector<PackedModel> models;
  std::set<std::string> operations;

  void add_files();
  void add_models();
  void add_modules();
};

void Packing::add_files() {
  for (const EntryInfo &e : folder.entries()) {
    if (options.update_std && e.path.starts_with("std/")) continue;
    contents.emplace(e.path, folder.path_of(e.path));
  }
}

// A pair in the folder stays as it is; a model's file becomes a pair, or stays whole as model/NAME.EXT.
void Packing::add_models() {
  for (const ModelConfig &config : folder.manifest().models) {
    const ModelFiles files = folder.model_files(config);
    if (!files.weights.empty() || files.graph.starts_with("model/")) continue;
    PackedModel model = split_model(folder, config);
    contents.erase(files.graph);
    const std::string stem = "model/" + config.name;
    if (model.weights.empty()) {
      contents[stem + fs::path(files.graph).extension().string()] = folder.path_of(files.graph);
    } else {
      contents[stem + ".graph.pt"] = std::move(model.graph);
      contents[stem + ".safetensors"] = std::move(model.weights);
    }
    model.graph.clear();
    models.push_back(std::move(model));
  }
}

void Packing::add_modules() {
  for (auto &[name, text] : required_modules(folder, options.update_std)) {
    for (std::string &operation : named_operations(text)) operations.insert(std::move(operation));
    contents.insert_or_assign("std/" + name + ".lua", std::move(text));
  }
  for (const std::string &operation : operations) Registry::get().require(operation);
}

Lock make_lock(const Packing &packing) {
  Lock lock;
  lock.script = script_interface;
  lock.operations.assign(packing.operations.begin(), packing.operations.end());
  std::vector<std::pair<std::string, Value>> versions{{"mrun", Value::string(version)}};
  for (const std::string &operation : packing.operations) {
    const std::string library = Registry::get().library_version(operation);
    if (!library.empty()) versions.emplace_back(operation.substr(0, operation.find('.')), Value::string(library));
  }
  lock.packed_with = Value::map(std::move(versions));
  lock.revision.message = packing.options.message;
  return lock;
}

// The examples on the packed file itself: what is shipped is what was tried.
size_t check_examples(const fs::path &file) {
  const auto bundle = Bundle::open(file);
  const size_t count = list_examples(*bundle).size();
  Engine engine(bundle, EngineOptions{});
  const Report report = verify_examples(*bundle, engine);
  for (const Value &row : report.json.as_list()) {
    if (row.find("equal")->as_bool()) continue;
    const auto part = [&](const char *key) { return row.find(key)->as_string(); };
    fail(MRUN_VERIFY, "example {} differs first in {}, {}: {}; `mrun record --replace` keeps a new answer",
         part("name"), part("stage"), part("place"), part("message"));
  }
  return count;
}

Value report_of(const Packing &packing, const fs::path &out, const Written &written, size_t examples) {
  std::vector<Value> ignored, models, operations;
  for (const std::string &path : packing.folder.ignored()) ignored.push_back(Value::string(path));
  for (const PackedModel &m : packing.models) {
    models.push_back(Value::map({{"name", Value::string(m.name)},
                                 {"split", Value::boolean(!m.weights.empty() || m.reason.empty())},
                                 {"reason", Value::string(m.reason)}}));
  }
  for (const std::string &o : packing.operations) operations.push_back(Value::string(o));
  return Value::map({{"path", Value::string(out.string())},
                     {"digest", Value::string(written.digest)},
                     {"size", Value::integer(static_cast<int64_t>(written.size))},
                     {"entries", Value::integer(static_cast<int64_t>(written.lock.entries.size()))},
                     {"ignored", Value::list(std::move(ignored))},
                     {"models", Value::list(std::move(models))},
                     {"operations", Value::list(std::move(operations))},
                     {"examples", Value::integer(static_cast<int64_t>(examples))}});
}

// A file that goes away unless it was given its name.
struct Temporary {
  fs::path path;
  ~Temporary() {
    std::error_code ignored;
    if (!path.empty()) fs::remove(path, ignored);
  }
};

}  // namespace

Value pack(const fs::path &folder, const fs::path &out, const PackOptions &options) {
  if (!fs::is_directory(folder)) fail(MRUN_BUNDLE, "{}: want a bundle's folder", folder.string());
  if (fs::is_directory(out)) fail(MRUN_IO, "{}: is a folder, want a file to write", out.string());
  const auto opened = Bundle::open(folder);
  Packing packing{dynamic_cast<const Folder &>(*opened), options, {}, {}, {}};
  packing.add_files();
  packing.add_models();
  packing.add_modules();
  Temporary file{out.parent_path() / fmt::format(".{}.pack-{}", out.filename().string(), ::getpid())};
  const Written written = write_bundle(file.path, packing.contents, make_lock(packing));
  const size_t examples = check_examples(file.path);
  Value report = report_of(packing, out, written, examples);
  if (options.dry_run) return report;
  std::error_code failed;
  fs::rename(file.path, out, failed);
  if (failed) fail(MRUN_IO, "{}: cannot write: {}", out.string(), failed.message());
  file.path.clear();
  return report;
}

}  // namespace mrun
