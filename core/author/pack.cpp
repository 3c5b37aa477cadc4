#include "author/pack.h"

#include <unistd.h>

#include <algorithm>
#include <set>

#include "author/model_facts.h"
#include "author/split_model.h"
#include "author/verify.h"
#include "author/version.h"
#include "bundle/commit.h"
#include "bundle/folder.h"
#include "bundle/writer.h"

#include "script/state.h"

namespace mrun {
namespace {

namespace fs = std::filesystem;

struct Packing {
  const Folder &folder;
  const bool update_std;
  Contents contents;
  std::vector<PackedModel> models;
  std::set<std::string> operations;

  void add_files();
  void add_models();
  void add_modules();
};

void Packing::add_files() {
  for (const EntryInfo &e : folder.entries()) {
    if (update_std && e.path.starts_with("std/")) continue;
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
  for (auto &[name, text] : required_modules(folder, update_std)) {
    for (std::string &operation : named_operations(text)) operations.insert(std::move(operation));
    contents.insert_or_assign("std/" + name + ".lua", std::move(text));
  }
  for (const std::string &operation : operations) Registry::get().require(operation);
}

Lock make_lock(const Packing &packing, const std::string &message, std::vector<ModelFacts> models) {
  Lock lock;
  lock.script = script_interface;
  lock.operations.assign(packing.operations.begin(), packing.operations.end());
  std::vector<std::pair<std::string, Value>> versions{{"mrun", Value::string(version)}};
  for (const std::string &operation : packing.operations) {
    const std::string library = Registry::get().library_version(operation);
    const std::string &own = Registry::get().require(operation).plugin->version;
    versions.emplace_back(operation.substr(0, operation.find('.')), Value::string(library.empty() ? own : library));
  }
  lock.packed_with = Value::map(std::move(versions));
  lock.models = std::move(models);
  lock.revision.message = message;
  return lock;
}

struct Checked {
  size_t examples = 0;
  std::vector<ModelFacts> models;
};

// The examples on what was packed itself: what is shipped is what was tried.
Checked check_examples(const fs::path &file) {
  const auto bundle = Bundle::open(file);
  Engine engine(bundle, EngineOptions{});
  const Report report = verify_examples(*bundle, engine);
  if (!report.equal) {
    const auto rows = report.json.as_list();
    const bool leaks = std::any_of(rows.begin(), rows.end(), [](const Value &r) { return r.find("leaks")->as_bool(); });
    fail(MRUN_VERIFY, "{}{}", first_difference(report.json),
         leaks ? "" : "; `mrun record --replace` keeps a new answer");
  }
  return {report.json.as_list().size(), model_facts(engine)};
}

using Rows = std::vector<std::pair<std::string, Value>>;

Rows report_of(const Packing &packing, const fs::path &out, size_t examples) {
  std::vector<Value> ignored, models, operations;
  for (const std::string &path : packing.folder.ignored()) ignored.push_back(Value::string(path));
  for (const PackedModel &m : packing.models) {
    models.push_back(Value::map({{"name", Value::string(m.name)},
                                 {"split", Value::boolean(!m.weights.empty() || m.reason.empty())},
                                 {"reason", Value::string(m.reason)}}));
  }
  for (const std::string &o : packing.operations) operations.push_back(Value::string(o));
  return {{"path", Value::string(out.string())},
          {"ignored", Value::list(std::move(ignored))},
          {"models", Value::list(std::move(models))},
          {"operations", Value::list(std::move(operations))},
          {"examples", Value::integer(static_cast<int64_t>(examples))}};
}

void add_all(Packing &packing) {
  packing.add_files();
  packing.add_models();
  packing.add_modules();
}

const Folder &want_folder(const Bundle &bundle) {
  const auto *folder = dynamic_cast<const Folder *>(&bundle);
  if (folder == nullptr) fail(MRUN_BUNDLE, "{}: want a bundle's folder", bundle.origin());
  return *folder;
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
  if (fs::is_directory(out)) fail(MRUN_IO, "{}: is a folder, want a file to write", out.string());
  const auto opened = Bundle::open(folder);
  Packing packing{want_folder(*opened), options.update_std, {}, {}, {}};
  add_all(packing);
  Temporary file{out.parent_path() / fmt::format(".{}.pack-{}", out.filename().string(), ::getpid())};
  const Written written =
      write_bundle(file.path, packing.contents, make_lock(packing, options.message, model_facts(packing.folder)));
  const size_t examples = check_examples(file.path).examples;
  Rows report = report_of(packing, out, examples);
  report.emplace_back("digest", Value::string(written.digest));
  report.emplace_back("size", Value::integer(static_cast<int64_t>(written.size)));
  report.emplace_back("entries", Value::integer(static_cast<int64_t>(written.lock.entries.size())));
  if (options.dry_run) return Value::map(std::move(report));
  std::error_code failed;
  fs::rename(file.path, out, failed);
  if (failed) fail(MRUN_IO, "{}: cannot write: {}", out.string(), failed.message());
  file.path.clear();
  return Value::map(std::move(report));
}

Value commit(const fs::path &bundle, const fs::path &folder, const CommitOptions &options) {
  const auto opened = Bundle::open(folder);
  Packing packing{want_folder(*opened), options.update_std, {}, {}, {}};
  packing.add_files();
  packing.add_models();
  const Contents weights = take_weights(packing.contents);
  size_t examples = 0;
  const Committed committed = commit_overlapped(bundle, weights, [&] {
    packing.add_modules();
    Checked checked = check_examples(folder);
    examples = checked.examples;
    Lock lock = make_lock(packing, options.message, std::move(checked.models));
    lock.revision.author = options.author;
    lock.revision.time = options.time;
    return NextRevision{packing.contents, std::move(lock)};
  });
  Rows report = report_of(packing, bundle, examples);
  report.emplace_back("digest", Value::string(committed.digest));
  report.emplace_back("number", Value::integer(static_cast<int64_t>(committed.lock.revision.number)));
  report.emplace_back("size", Value::integer(static_cast<int64_t>(committed.size)));
  report.emplace_back(
      "grown", Value::integer(static_cast<int64_t>(committed.size) - static_cast<int64_t>(committed.size_before)));
  return Value::map(std::move(report));
}

}  // namespace mrun
