#include "author/record.h"

#include "base/draft.h"
#include "base/folder_names.h"
#include "base/text.h"
#include "bundle/names.h"
#include "exec/input.h"
#include "value/json.h"
#include "value/safetensors.h"

namespace mrun {
namespace {

namespace fs = std::filesystem;

struct File {
  std::string name;
  std::string content;
};

File named(const std::string &prefix, InputFile file) {
  return {prefix + "." + file.extension, std::move(file.content)};
}

std::vector<File> input_files(const Manifest &m, const Value &input) {
  if (m.input != InputKind::record) return {named("input", input_file(m.input, input))};
  std::vector<File> files;
  for (const Field &f : m.fields) {
    const Value *v = input.find(f.name);
    if (v != nullptr && !v->is_nil()) files.push_back(named("input." + f.name, input_file(f.kind, *v)));
  }
  return files;
}

void check_name(const std::string &name) {
  if (name.find('/') == std::string::npos && good_name("examples/" + name + "/x")) return;
  fail(MRUN_USAGE, "\"{}\" is no name for an example: use the letters a to z and A to Z, digits, '_', '-' and '.'",
       printable(name));
}

// A bundle cannot hold both.
void check_case(const fs::path &examples, const std::string &name) {
  std::error_code none;
  for (const std::string &other : folder_names(examples, none)) {
    if (other == name || lower(other) != lower(name)) continue;
    fail(MRUN_USAGE, "{}: differs from the example {} in case only; a bundle holds one of them",
         printable((examples / name).native()), printable(other));
  }
}

void publish(const fs::path &folder, const std::vector<File> &files, bool replace) {
  std::error_code error;
  const bool first = fs::create_directory(folder.parent_path(), error);
  if (error) fail_errno(error.value(), folder.parent_path().native(), "make the folder of the examples");
  try {
    FolderDraft draft(folder);
    for (const File &f : files) draft.write(f.name, f.content);
    draft.commit(replace);
  } catch (...) {
    if (first) fs::remove(folder.parent_path(), error);
    throw;
  }
}

}  // namespace

void record(const fs::path &folder, const std::string &name, const Value &input, const EngineOptions &options,
            bool replace) {
  check_name(name);
  std::error_code unknown;
  if (!fs::is_directory(folder, unknown)) {
    fail(MRUN_BUNDLE, "{}: want a bundle's folder (unpack a .mb first)", printable(folder.native()));
  }
  const fs::path target = folder / "examples" / name;
  if (fs::exists(target, unknown) && !replace)
    fail(MRUN_USAGE, "{}: there is such an example already; --replace takes its place", printable(target.native()));
  check_case(target.parent_path(), name);
  const auto bundle = Bundle::open(folder);
  const auto session = start_session(bundle, options);
  const Recorded run = run_recorded(*session, input, 0);
  if (!run.result.ok()) throw Error(*run.result.error);
  std::vector<File> files = input_files(bundle->manifest(), input);
  files.push_back({"expected.json", json_file(run.result.answer)});
  if (!run.stages.empty())
    files.push_back({"stages.safetensors", write_safetensors(named_tensors(Value::map(run.stages)))});
  publish(target, files, replace);
}

}  // namespace mrun
