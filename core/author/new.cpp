#include "author/new.h"

#include <array>
#include <string>
#include <system_error>
#include <vector>

#include "base/draft.h"
#include "base/text.h"
#include "value/json.h"

// templates/, embedded.
extern const char mrun_new_bundle[], mrun_new_readme[];
#define MRUN_KIND(kind) extern const char mrun_new_##kind##_preprocess[], mrun_new_##kind##_postprocess[];
MRUN_KIND(text)
MRUN_KIND(image)
MRUN_KIND(audio)
MRUN_KIND(bytes)
MRUN_KIND(json)
MRUN_KIND(tensor)
MRUN_KIND(record)
#undef MRUN_KIND

namespace mrun {
namespace {

namespace fs = std::filesystem;

struct Template {
  const char *kind, *preprocess, *postprocess;
  const char *input;   // on the README's command lines
  const char *fields;  // for bundle.toml, after [input]
  const char *params;
};

const std::array<Template, 7> templates{{
    {"text", mrun_new_text_preprocess, mrun_new_text_postprocess, "'to be or not to be'", "",
     "lower = true\ntop_k = 3\n"},
    {"image", mrun_new_image_preprocess, mrun_new_image_postprocess, "photo.jpg", "", "size = 8\n"},
    {"audio", mrun_new_audio_preprocess, mrun_new_audio_postprocess, "sound.wav", "", ""},
    {"bytes", mrun_new_bytes_preprocess, mrun_new_bytes_postprocess, "FILE", "", "show = 16\n"},
    {"json", mrun_new_json_preprocess, mrun_new_json_postprocess, "'{\"values\": [1, 2, 3]}'", "", ""},
    {"tensor", mrun_new_tensor_preprocess, mrun_new_tensor_postprocess, "tensor.npy", "", ""},
    {"record", mrun_new_record_preprocess, mrun_new_record_postprocess, "text=again times=3",
     "\n[input.fields]             # each of one of the kinds above, but record\n"
     "text = \"text\"\n"
     "times = { kind = \"json\", optional = true }\n",
     "times = 2\n"},
}};

const Template &find_template(std::string_view kind) {
  std::vector<std::string> kinds;
  for (const Template &t : templates) {
    if (kind == t.kind) return t;
    kinds.push_back(t.kind);
  }
  fail(MRUN_USAGE, "'{}' is not a kind of input{}; want text, image, audio, bytes, json, tensor or record",
       printable(kind, 60), did_you_mean(kind, kinds));
}

std::string fill(std::string text, const std::vector<std::pair<std::string_view, std::string_view>> &marks) {
  for (const auto &[mark, value] : marks) {
    for (size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at + value.size())) {
      text.replace(at, mark.size(), value);
    }
  }
  return text;
}

std::string shell_word(const std::string &name) {
  const bool plain =
      name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") == std::string::npos;
  return plain ? name : fmt::format("'{}'", fill(name, {{"'", "'\\''"}}));
}

}  // namespace

void make_new(const fs::path &given, std::string_view kind) {
  const Template &t = find_template(kind);
  const fs::path folder = given.has_filename() ? given : given.parent_path();  // "name/" is "name"
  const std::string name = folder.filename().string();
  if (name.empty() || name == "." || name == "..")
    fail(MRUN_USAGE, "'{}': want a new folder's name", printable(given.native()));
  if (!valid_utf8(name)) fail(MRUN_USAGE, "'{}': a bundle's name is UTF-8", printable(name));
  std::error_code unknown;  // what cannot be looked at cannot be made: that says why
  if (fs::exists(fs::symlink_status(folder, unknown))) {
    fail(MRUN_USAGE, "{}: is there already; want a new folder's name", printable(folder.native()));
  }
  FolderDraft draft(folder);
  draft.write("bundle.toml", fill(mrun_new_bundle, {{"@KIND@", t.kind},
                                                    {"@FIELDS@", t.fields},
                                                    {"@PARAMS@", t.params},
                                                    {"@NAME@", to_json(Value::string(name))}}));
  draft.write("preprocess.lua", t.preprocess);
  draft.write("postprocess.lua", t.postprocess);
  draft.write("README.md", fill(mrun_new_readme,
                                {{"@INPUT@", t.input}, {"@FOLDER@", shell_word(name)}, {"@TITLE@", printable(name)}}));
  draft.commit();
}

}  // namespace mrun
