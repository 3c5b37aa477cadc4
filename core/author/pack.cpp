#include "author/pack.h"

#include <algorithm>
#include <optional>
#include <set>

#include "author/left_out.h"
#include "author/model_facts.h"
#include "author/split_model.h"
#include "author/verify.h"
#include "author/version.h"
#include "base/draft.h"
#include "base/text.h"
#include "bundle/commit.h"
#include "bundle/folder.h"
#include "bundle/model_source.h"
#include "bundle/models.h"
#include "bundle/writer.h"

#include "script/state.h"

namespace mrun {
namespace {

namespace fs = std::filesystem;

// A model that is a file in the folder.
struct PackedModel {
  std::string name, reason;  // why it stays whole; empty: it was split
};

struct Packing {
  Registry &registry;
  const Folder &folder;
  const bool update_std;
  Contents contents = files();
  std::vector<PackedModel> models = {};
  std::set<std::string> operations = {};

  Contents files() const;
  Contents split_models(const Container *before);
  void add_modules();
};

// A pair in the folder stays as it is; a model's file becomes a pair, or stays whole as model/NAME.EXT.
bool to_split(const ModelFiles &files) { return files.weights.empty() && !is_packed_model(files.graph); }

Contents Packing::files() const {
  Contents files;
  for (const EntryInfo &e : folder.entries()) {
    if (update_std && e.path.starts_with("std/")) continue;
    files.emplace(e.path, folder.path_of(e.path));
  }
  for (const ModelConfig &config : folder.manifest().models) {
    const ModelFiles model = folder.model_files(config);
    if (to_split(model)) files.erase(model.graph);
  }
  return files;
}

// A pair that the revision before has of the same file was proved equal then.
bool keep_split(const Container &before, const ModelFiles &pair, const fs::path &file, Contents &contents) {
  const Item *item = before.find(pair.weights);
  if (item == nullptr || before.find(pair.graph) == nullptr) return false;
  const std::string source = model_source(before.source().map(item->start, item->size, false));
  if (source.empty() || source != sha256_of(*content_source(file))) return false;
  for (const std::string &name : {pair.graph, pair.weights}) {
    contents[name] = Kept{before.lock().entries.find(name)->second.sha256};
  }
  return true;
}

Contents Packing::split_models(const Container *before) {
  Contents split;
  for (const ModelConfig &config : folder.manifest().models) {
    const ModelFiles files = folder.model_files(config);
    if (!to_split(files)) continue;
    const fs::path file = folder.path_of(files.graph);
    const ModelFiles pair = model_pair(config);
    if (before != nullptr && keep_split(*before, pair, file, split)) {
      models.push_back({config.name, ""});
      continue;
    }
    SplitModel model = split_model(registry, folder, config);
    models.push_back({config.name, model.reason});
    if (model.weights.empty()) {
      split[whole_model(config)] = file;
    } else {
      split[pair.graph] = std::move(model.graph);
      split[pair.weights] = std::move(model.weights);
    }
  }
  return split;
}

void Packing::add_modules() {
  for (auto &[name, text] : required_modules(folder, &registry, update_std)) {
    for (std::string &operation : named_operations(text)) operations.insert(std::move(operation));
    contents.insert_or_assign("std/" + name + ".lua", std::move(text));
  }
  for (const std::string &operation : operations) registry.require(operation);
}

Lock make_lock(const Packing &packing, const std::string &message, std::vector<ModelFacts> models) {
  Lock lock;
  lock.script = script_interface;
  lock.operations.assign(packing.operations.begin(), packing.operations.end());
  std::vector<std::pair<std::string, Value>> versions{{"mrun", Value::string(version)}};
  for (const std::string &operation : packing.operations) {
    const std::string library = packing.registry.library_version(operation);
    const std::string &own = packing.registry.require(operation).plugin->version;
    versions.emplace_back(operation.substr(0, operation.find('.')), Value::string(library.empty() ? own : library));
  }
  const std::string module = tensor_module(packing.folder, &packing.registry);
  if (packing.contents.count("std/" + module + ".lua") > 0) {
    versions.emplace_back(tensor_methods_key, Value::string(module));
  }
  lock.packed_with = Value::map(std::move(versions));
  lock.models = std::move(models);
  lock.revision.message = message;
  return lock;
}

// Whether the models are those of the revision before, all of them: then what its lock says of them holds.
bool same_models(const Folder &folder, const Lock &before, const Lock::Entries &written) {
  const auto manifest = before.entries.find("bundle.toml");
  if (manifest == before.entries.end() || before.models.size() != folder.manifest().models.size()) return false;
  if (sha256_of(*content_source(folder.path_of("bundle.toml"))) != manifest->second.sha256) return false;
  for (const ModelFacts &model : before.models) {
    const auto ours = [&](const auto &entry) { return of_model(entry.first, model.name); };
    if (std::none_of(written.begin(), written.end(), ours)) return false;
  }
  return std::all_of(written.begin(), written.end(), [&](const auto &entry) {
    const auto old = before.entries.find(entry.first);
    return old != before.entries.end() && old->second == entry.second;
  });
}

// The examples on what was packed itself: what is shipped is what was tried. Returns their number. Messages name the
// folder, where what they complain of can be mended.
size_t check_examples(Registry &registry, const Folder &folder, int packed) {
  const auto bundle = Bundle::open_fd(packed, {.revision = {}, .verify = false, .name = folder.origin()});
  EngineOptions options;
  options.registry = &registry;
  const Report report = verify_examples(bundle, std::move(options), start_session);
  if (!report.equal) {
    const auto rows = report.json.as_list();
    const bool leaks = std::any_of(rows.begin(), rows.end(), [](const Value &r) { return r.find("leaks")->as_bool(); });
    const Value &first =
        *std::find_if(rows.begin(), rows.end(), [](const Value &r) { return !r.find("equal")->as_bool(); });
    // Another answer alone, and no error: that is what there is to record.
    const bool another = !leaks && first.find("run")->as_int() != 3 && !first.find("place")->as_string().empty();
    fail(MRUN_VERIFY, "{}{}", first_difference(report.json),
         another ? "; `mrun record --replace` keeps a new answer" : "");
  }
  return report.json.as_list().size();
}

using Rows = std::vector<std::pair<std::string, Value>>;

Rows report_of(const Packing &packing, const fs::path &out, size_t examples) {
  std::vector<Value> ignored, sentences, models, operations;
  for (const std::string &path : packing.folder.ignored()) ignored.push_back(Value::string(printable(path, SIZE_MAX)));
  for (const std::string &sentence : notices(packing.folder)) sentences.push_back(Value::string(sentence));
  for (const PackedModel &m : packing.models) {
    models.push_back(Value::map({{"name", Value::string(m.name)},
                                 {"split", Value::boolean(m.reason.empty())},
                                 {"reason", Value::string(m.reason)}}));
  }
  for (const std::string &o : packing.operations) operations.push_back(Value::string(o));
  return {{"path", Value::string(printable(out.native(), SIZE_MAX))},
          {"ignored", Value::list(std::move(ignored))},
          {"left_out", Value::list(std::move(sentences))},
          {"models", Value::list(std::move(models))},
          {"operations", Value::list(std::move(operations))},
          {"examples", Value::integer(static_cast<int64_t>(examples))}};
}

// The path in the folder that writing `out` would come to, links followed; begins with ".." where it lies outside.
std::string place_in(const fs::path &root, const fs::path &out) {
  std::error_code error;
  const fs::path real = fs::weakly_canonical(fs::absolute(out, error), error);
  if (error) return "..";  // writing says why
  return real.lexically_relative(fs::canonical(root, error)).native();
}

// Where the next pack would take it in, and be another one for that.
void refuse_inside(const fs::path &root, const Folder &folder, const fs::path &out) {
  if (!folder.belongs(place_in(root, out))) return;
  fail(MRUN_USAGE, "{}: lies in what is packed, so the next pack would hold this one; give a file outside the folder",
       printable(out.native()));
}

void refuse_replacing(const fs::path &root, const Folder &folder, const fs::path &out) {
  if (!folder.has(place_in(root, out))) return;
  fail(MRUN_USAGE, "{}: is a file of the bundle, which the packed one would replace; give another name",
       printable(out.native()));
}

const Folder &want_folder(const Bundle &bundle) {
  const auto *folder = dynamic_cast<const Folder *>(&bundle);
  if (folder == nullptr)
    fail(MRUN_BUNDLE, "{}: want a bundle's folder (unpack a .mb first)", printable(bundle.origin()));
  return *folder;
}

}  // namespace

Value pack(Registry &registry, const fs::path &folder, const fs::path &out, const PackOptions &options) {
  std::error_code unknown;  // what cannot be looked at cannot be written to: that says why
  if (fs::is_directory(out, unknown)) fail(MRUN_IO, "{}: is a folder, want a file to write", printable(out.native()));
  if (!valid_utf8(options.message)) fail(MRUN_USAGE, "the message is not UTF-8");
  const auto opened = Bundle::open(folder);
  Packing packing{registry, want_folder(*opened), options.update_std};
  refuse_replacing(folder, packing.folder, out);
  refuse_inside(folder, packing.folder, out);
  packing.contents.merge(packing.split_models(nullptr));
  packing.add_modules();
  std::optional<FolderDraft> scratch;  // of a dry run: never committed
  if (options.dry_run) scratch.emplace(out);
  size_t examples = 0;
  const Written written = write_bundle(scratch ? scratch->path() / "bundle.mb" : out, packing.contents,
                                       make_lock(packing, options.message, model_facts(registry, packing.folder)),
                                       [&](int fd) { examples = check_examples(registry, packing.folder, fd); });
  Rows report = report_of(packing, out, examples);
  report.emplace_back("digest", Value::string(written.digest));
  report.emplace_back("size", Value::integer(static_cast<int64_t>(written.size)));
  report.emplace_back("entries", Value::integer(static_cast<int64_t>(written.lock.entries.size())));
  return Value::map(std::move(report));
}

Value commit(Registry &registry, const fs::path &bundle, const fs::path &folder, const CommitOptions &options) {
  std::error_code unknown;
  if (fs::is_directory(bundle, unknown)) {
    fail(MRUN_BUNDLE, "{}: is a folder; the .mb file comes first, then the folder with what it is to be",
         printable(bundle.native()));
  }
  const auto opened = Bundle::open(folder);
  Packing packing{registry, want_folder(*opened), options.update_std};
  refuse_inside(folder, packing.folder, bundle);
  const Contents pairs = take_weights(packing.contents);
  Contents others;  // models that are no weights: whole ones with another suffix
  size_t examples = 0;
  CommitSteps steps;
  steps.weights = [&](const Container &before) {
    others = packing.split_models(&before);
    Contents weights = take_weights(others);
    weights.insert(pairs.begin(), pairs.end());
    return weights;
  };
  steps.meanwhile = [&] { packing.add_modules(); };
  steps.rest = [&](const Lock &before, const Lock::Entries &written) {
    Lock lock = same_models(packing.folder, before, written)
                    ? make_lock(packing, options.message, before.models)
                    : make_lock(packing, options.message, model_facts(registry, packing.folder));
    lock.revision.author = options.author;
    lock.revision.time = options.time;
    packing.contents.merge(others);
    return NextRevision{packing.contents, std::move(lock)};
  };
  steps.prove = [&](int fd) { examples = check_examples(registry, packing.folder, fd); };
  const Committed committed = commit_revision(bundle, steps);
  Rows report = report_of(packing, bundle, examples);
  report.emplace_back("digest", Value::string(committed.digest));
  report.emplace_back("number", Value::integer(static_cast<int64_t>(committed.lock.revision.number)));
  report.emplace_back("size", Value::integer(static_cast<int64_t>(committed.size)));
  report.emplace_back(
      "grown", Value::integer(static_cast<int64_t>(committed.size) - static_cast<int64_t>(committed.size_before)));
  return Value::map(std::move(report));
}

}  // namespace mrun
