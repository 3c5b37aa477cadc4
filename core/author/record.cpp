#include "author/record.h"

#include "base/draft.h"
#include "base/text.h"
#include "bundle/names.h"
#include "value/json.h"
#include "value/npy.h"
#include "value/safetensors.h"

namespace mrun {
namespace {

namespace fs = std::filesystem;

struct Magic {
  std::string_view begins;
  const char *extension;
};
// What people call these files; anything else is .bin.
constexpr Magic magics[] = {{"\xFF\xD8\xFF", "jpg"}, {"\x89PNG", "png"}, {"GIF8", "gif"},  {"BM", "bmp"},
                            {"II*", "tif"},          {"MM", "tif"},      {"fLaC", "flac"}, {"OggS", "ogg"}};

std::string extension_of(std::string_view bytes) {
  if (bytes.starts_with("RIFF") && bytes.size() >= 12) return bytes.substr(8, 4) == "WEBP" ? "webp" : "wav";
  for (const Magic &m : magics) {
    if (bytes.starts_with(m.begins)) return m.extension;
  }
  return "bin";
}

std::string pretty_json(const Value &v) {
  JsonOptions options;
  options.style = JsonOptions::Style::pretty;
  options.max_elements = std::numeric_limits<int64_t>::max();
  return to_json(v, options);
}

struct File {
  std::string name;
  std::string content;
};

File input_file(InputKind kind, const Value &v, const std::string &prefix) {
  switch (kind) {
    case InputKind::text: return {prefix + ".txt", std::string(v.as_string())};
    case InputKind::json: return {prefix + ".json", pretty_json(v) + "\n"};
    case InputKind::tensor:
      if (v.is_tensor()) return {prefix + ".npy", write_npy(v.as_tensor())};
      return {prefix + ".safetensors", write_safetensors(named_tensors(v))};
    default: break;
  }
  const Tensor bytes = v.as_tensor().contiguous();
  if (bytes.dim() != 1)
    fail(MRUN_USAGE, "an example keeps files: give the image's or sound's file, not its pixels or samples");
  return {prefix + "." + extension_of(bytes.bytes()), std::string(bytes.bytes())};
}

std::vector<File> input_files(const Manifest &m, const Value &input) {
  if (m.input != InputKind::record) return {input_file(m.input, input, "input")};
  std::vector<File> files;
  for (const Field &f : m.fields) {
    const Value *v = input.find(f.name);
    if (v != nullptr && !v->is_nil()) files.push_back(input_file(f.kind, *v, "input." + f.name));
  }
  return files;
}

void check_name(const std::string &name) {
  if (name.find('/') == std::string::npos && good_name("examples/" + name + "/x")) return;
  fail(MRUN_USAGE, "\"{}\" is no name for an example: use letters, digits, '_', '-' and '.'", printable(name));
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
  if (!fs::is_directory(folder)) fail(MRUN_USAGE, "{}: want a bundle's folder (unpack a .mb first)", folder.string());
  const fs::path target = folder / "examples" / name;
  if (fs::exists(target) && !replace)
    fail(MRUN_USAGE, "{}: there is such an example already; --replace takes its place", target.string());
  const auto bundle = Bundle::open(folder);
  const auto session = start_session(bundle, options);
  const Recorded run = run_recorded(*session, input, 0);
  if (!run.result.ok()) throw run.result.error;
  std::vector<File> files = input_files(bundle->manifest(), input);
  files.push_back({"expected.json", pretty_json(run.result.answer) + "\n"});
  if (!run.stages.empty())
    files.push_back({"stages.safetensors", write_safetensors(named_tensors(Value::map(run.stages)))});
  publish(target, files, replace);
}

}  // namespace mrun
