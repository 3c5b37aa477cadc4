#include "exec/input.h"

#include <algorithm>
#include <cctype>

#include "base/error.h"
#include "base/sealed_file.h"
#include "base/text.h"
#include "base/utf16.h"
#include "value/json.h"
#include "value/map_tensors.h"
#include "value/npy.h"
#include "value/root.h"
#include "value/safetensors.h"

namespace mrun {
namespace {

[[noreturn]] void wrong(const std::string &where, const char *wanted, const Value &v) {
  const char *next = v.is_string() ? "; a text cannot stand for it: give the file itself, NAME=PATH of a record (many: "
                                     "--paths), what mrun_input_file reads"
                                   : "";
  Error e(MRUN_INPUT, fmt::format("{}want {}, got {}{}", where, wanted, describe(v.c()), next));
  e.stage = "input";
  throw e;
}

void want_utf8(std::string_view text, const std::string &where) {
  if (is_utf16(text)) fail(MRUN_INPUT, "{}the text is UTF-16; a text in UTF-8 is wanted", where);
  if (!valid_utf8(text)) {
    fail(MRUN_INPUT, "{}the text is not valid UTF-8 at byte {}; a text in UTF-8 is wanted", where, utf8_until(text));
  }
}

bool is_bytes(const Value &v) {
  return v.is_tensor() && v.as_tensor().dim() == 1 && v.as_tensor().dtype() == dtype::uint8;
}

bool is_frame(const Value &v) {
  return v.is_tensor() && v.as_tensor().dim() == 3 && v.as_tensor().dtype() == dtype::uint8;
}

bool all_tensors(const Value &v) {
  for (const Entry &e : v.as_map()) {
    if (!e.value().is_tensor()) return false;
  }
  return true;
}

void check_kind(InputKind kind, const Value &v, const std::string &where) {
  switch (kind) {
    case InputKind::text:
      if (!v.is_string()) wrong(where, "a text", v);
      want_utf8(v.as_string(), where);
      break;
    case InputKind::image:
      if (!is_bytes(v) && !is_frame(v)) {
        wrong(where, "an image: the bytes of a file, or a uint8 tensor height x width x channels", v);
      }
      break;
    case InputKind::audio:
      if (!v.is_tensor()) wrong(where, "audio: the bytes of a file, or a tensor", v);
      break;
    case InputKind::bytes:
      if (!is_bytes(v)) wrong(where, "bytes: a 1-D uint8 tensor", v);
      break;
    case InputKind::tensor:
      if (!v.is_tensor() && !(v.is_map() && all_tensors(v))) wrong(where, "a tensor or a table of tensors", v);
      break;
    case InputKind::json: check_texts(v); break;
    case InputKind::record: break;
  }
}

// For a name that is none of the record's fields: the nearest, or all.
std::string fields_of(const Manifest &m, std::string_view name) {
  std::vector<std::string> names;
  std::string all;
  for (const Field &f : m.fields) {
    names.push_back(f.name);
    all += fmt::format("{}{} ({}{})", all.empty() ? "; there are: " : ", ", f.name, input_kind_name(f.kind),
                       f.optional ? ", optional" : "");
  }
  const std::string near = did_you_mean(name, names);
  return near.empty() ? all : near;
}

void check_record(const Manifest &m, const Value &v) {
  if (!v.is_map()) wrong("", "a table of the record's fields", v);
  for (const Field &f : m.fields) {
    const Value *field = v.find(f.name);
    if (field == nullptr || field->is_nil()) {
      if (!f.optional) fail(MRUN_INPUT, "the field \"{}\" ({}) is missing", f.name, input_kind_name(f.kind));
      continue;
    }
    check_kind(f.kind, *field, "field \"" + f.name + "\": ");
  }
  for (const Entry &e : v.as_map()) {
    const auto known = [&](const Field &f) { return f.name == e.key(); };
    if (std::none_of(m.fields.begin(), m.fields.end(), known)) {
      fail(MRUN_INPUT, "\"{}\" is no field of the record{}", printable(e.key(), 60), fields_of(m, e.key()));
    }
  }
}

// Tensors that come from outside are shared with the caller: scripts may not write them, and lose them at the answer
// (script/vm/input_handles).
Value protect(const Value &v, uint64_t root) {
  return map_tensors(v, [root](const Tensor &t) { return with_root(t, root).read_only(); });
}

Tensor file_bytes(const std::filesystem::path &path) {
  const UniqueFd fd = open_file(path, MRUN_INPUT);
  if (auto file = SealedFile::read(fd.get(), path.native())) {
    void *const data = file->data();
    const auto size = static_cast<int64_t>(file->size());
    return Tensor::over(data, dtype::uint8, {size}, std::move(file), true);
  }
  auto text = std::make_shared<std::string>(read_all(fd.get(), path.native()));
  char *data = text->data();
  const auto size = static_cast<int64_t>(text->size());
  return Tensor::over(data, dtype::uint8, {size}, std::move(text), true);
}

Value read_text(std::string text, const std::string &where) {
  want_utf8(text, fmt::format("{}: ", where));
  return Value::string(text);
}

// A byte order mark is no part of the text that a file holds.
std::string_view without_mark(std::string_view content) {
  constexpr std::string_view mark = "\xEF\xBB\xBF";
  if (content.starts_with(mark)) content.remove_prefix(mark.size());
  return content;
}

// Nor is the end of the last line.
std::string_view without_end(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(text.ends_with("\r\n") ? 2 : 1);
  return text;
}

bool is_text(InputKind kind) { return kind == InputKind::text || kind == InputKind::json || kind == InputKind::record; }

// The content of a file that holds a text.
Value read_content(InputKind kind, std::string_view content, const std::string &name) {
  const std::string_view text = without_mark(content);
  if (kind == InputKind::text) return read_text(std::string(without_end(text)), name);
  return parse_json(text, {.name = name});
}

// Of a file that holds tensors in another way.
const char *how_to_save(const std::filesystem::path &path) {
  std::error_code unknown;
  if (!std::filesystem::exists(path, unknown)) return "; this is no file";
  const std::string suffix = path.extension().native();
  for (const char *torch : {".pt", ".pth", ".bin", ".ckpt", ".pkl"}) {
    if (suffix == torch) return "; in Python: safetensors.torch.save_file({\"x\": tensor}, \"x.safetensors\")";
  }
  return "; in Python: numpy.save(\"x.npy\", array)";
}

bool is_literal(InputKind kind, const std::string &argument) {
  if (kind == InputKind::record) return argument.starts_with('{') || argument.starts_with('@');
  return kind == InputKind::text || kind == InputKind::json;
}

bool named_like_a_file(const std::string &argument) {
  const std::string suffix = std::filesystem::path(argument).extension().native();
  return suffix == ".json" || suffix == ".jsonl" || suffix == ".txt" || suffix == ".csv";
}

// What a person wrote on a command line, perhaps a file's name, perhaps something that a shell took the quotes from.
Value json_argument(const std::string &argument) {
  try {
    return parse_json(argument);
  } catch (Error &e) {
    std::error_code unknown;
    const bool letters = std::any_of(argument.begin(), argument.end(), [](unsigned char c) { return std::isalpha(c); });
    if (std::filesystem::is_regular_file(argument, unknown)) {
      e.message += fmt::format("; a file has this name: @{} reads it", printable(argument));
    } else if (named_like_a_file(argument)) {
      e.message += "; a file is read by @FILE, and none has this name";
    } else if (argument.starts_with('{') && letters && argument.find_first_of("\"'") == std::string::npos) {
      e.message += "; in a shell all of it stands in single quotes, or the shell takes the double ones away";
    }
    throw;
  }
}

// Of a file that there is not: those beside it whose names are near, or have another suffix.
std::string nearby(const std::string &argument) {
  constexpr size_t most = 10000;  // files that are looked at
  const std::filesystem::path given(argument), folder = given.has_parent_path() ? given.parent_path() : ".";
  std::vector<std::string> names, same;
  std::error_code error;
  std::filesystem::directory_iterator entry(folder, error);
  for (; !error && entry != std::filesystem::directory_iterator() && names.size() < most; entry.increment(error)) {
    const std::filesystem::path name = entry->path().filename();
    if (name.native().starts_with('.')) continue;
    names.push_back(name.native());
    if (name.stem() == given.stem()) same.push_back(name.native());
  }
  return same.size() == 1 ? "; did you mean '" + printable(same[0]) + "'?"
                          : did_you_mean(given.filename().native(), names);
}

// A path that a person wrote.
Value path_argument(InputKind kind, const std::string &argument) {
  std::error_code unknown;
  const bool there = std::filesystem::exists(argument, unknown);
  const bool barred = unknown && unknown != std::errc::filename_too_long;
  if (there || barred || argument.empty()) return read_input_file(kind, argument);  // which says why it cannot be read
  std::string advice = fmt::format("the path of a file is wanted ({})", input_kind_name(kind));
  if (argument.find("://") != std::string::npos) advice = "nothing is fetched: a file of this machine is wanted";
  const bool marked = argument[0] == '@' && std::filesystem::exists(argument.substr(1), unknown);
  if (marked) advice = "a path is given without @";
  fail(MRUN_INPUT, "{}: no such file; {}{}", printable(argument), advice, marked ? "" : nearby(argument));
}

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

}  // namespace

void check_texts(const Value &v) {
  if (v.is_string() && !valid_utf8(v.as_string())) {
    Error e(MRUN_INPUT, fmt::format("a text in the input is not valid UTF-8 at byte {}; bytes are uint8 tensors",
                                    utf8_until(v.as_string())));
    e.stage = "input";
    throw e;
  }
  if (v.is_list()) {
    for (const Value &item : v.as_list()) check_texts(item);
  } else if (v.is_map()) {
    for (const Entry &e : v.as_map()) check_texts(e.value());
  }
}

Value check_input(const Manifest &m, Value v, uint64_t root) {
  try {
    if (m.input == InputKind::record) {
      check_record(m, v);
    } else {
      check_kind(m.input, v, "");
    }
  } catch (Error &e) {
    e.stage = "input";
    throw;
  }
  return protect(v, root);
}

InputKind kind_of_input(const Manifest &m, const char *field) {
  if (field == nullptr) return m.input;
  for (const Field &f : m.fields) {
    if (f.name == field) return f.kind;
  }
  fail(MRUN_USAGE, "\"{}\" is no field of the record{}", printable(field, 60), fields_of(m, field));
}

Value read_input(InputKind kind, const std::string &argument) {
  if (!is_literal(kind, argument)) return path_argument(kind, argument);
  if (!argument.empty() && argument[0] == '@') return read_input_file(kind, argument.substr(1));
  if (kind == InputKind::text) return read_text(argument, "input");
  return json_argument(argument);
}

Value read_input_file(InputKind kind, const std::filesystem::path &path) {
  if (is_text(kind)) {
    const std::string name = kind == InputKind::text ? printable(path.native()) : path.native();
    return read_content(kind, read_file(path, MRUN_INPUT), name);
  }
  if (kind == InputKind::tensor && path.extension() != ".npy" && path.extension() != ".safetensors")
    fail(MRUN_INPUT, "{}: want a .npy or .safetensors file{}", printable(path.native()), how_to_save(path));
  return input_of_bytes(kind, file_bytes(path), path.string());
}

Value input_of_bytes(InputKind kind, const Tensor &bytes, const std::string &name) {
  constexpr std::string_view npy = "\x93NUMPY";
  const std::string_view content = bytes.bytes();
  switch (kind) {
    case InputKind::text: return read_text(std::string(content), name);
    case InputKind::json:
    case InputKind::record: return parse_json(std::string(content), {.name = name});
    case InputKind::tensor:
      if (content.starts_with(npy) || name.ends_with(".npy")) return read_npy(bytes, name);
      return tensor_map(read_safetensors(bytes, name).tensors);
    default: return bytes.read_only();
  }
}

Value read_input_bytes(InputKind kind, std::string_view content) {
  if (is_text(kind)) return read_content(kind, content, "input");
  Tensor bytes = Tensor::empty(dtype::uint8, {static_cast<int64_t>(content.size())});
  std::copy(content.begin(), content.end(), bytes.data<char>());
  return input_of_bytes(kind, bytes, "input");
}

InputFile input_file(InputKind kind, const Value &v) {
  if (kind == InputKind::text) return {"txt", std::string(v.as_string())};
  if (kind == InputKind::json) return {"json", json_file(v)};
  if (kind == InputKind::tensor && v.is_tensor()) return {"npy", write_npy(v.as_tensor())};
  if (kind == InputKind::tensor) return {"safetensors", write_safetensors(named_tensors(v))};
  const Tensor bytes = v.as_tensor().contiguous();
  if (bytes.dim() != 1)
    fail(MRUN_USAGE, "an example keeps files: give the image's or sound's file, not its pixels or samples");
  return {extension_of(bytes.bytes()), std::string(bytes.bytes())};
}

}  // namespace mrun
