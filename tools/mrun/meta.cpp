#include "meta.h"

#include <algorithm>
#include <filesystem>

#include "files.h"

namespace command {
namespace {

namespace fs = std::filesystem;
using Files = std::vector<std::pair<std::string, std::string>>;

std::string quoted(const std::string &text) {
  mrun_value v = mrun_text(text.c_str());
  v.as.string.size = text.size();
  return View{&v}.json();
}

std::string described(const std::string &key, const std::string &json, const std::string &hash) {
  return "{\"" + key + "\":" + json + ",\"sha256\":\"" + hash + "\"}";
}

std::string_view bytes_of(const mrun_value &tensor) {
  const DLTensor &t = tensor.as.tensor.dl->dl_tensor;
  return {static_cast<const char *>(t.data) + t.byte_offset, static_cast<size_t>(t.shape[0])};
}

[[noreturn]] void changed(const std::string &what) {
  throw mrun::failure(MRUN_VERIFY, what + ": is not what the answer was made of (its SHA-256 differs)");
}

mrun::variant copied(const mrun_value &v) {
  mrun::variant copy;
  mrun::host_detail::call([&](mrun_error *) { return mrun_value_copy(&v, copy.out()); });
  return copy;
}

mrun::variant file_again(const std::string &path, const std::string &hash, const mrun::bundle &bundle,
                         const char *field) {
  if (sha256(read_file(path)) != hash) changed(path);
  mrun::variant v;
  mrun::host_detail::call(
      [&](mrun_error *e) { return mrun_input_file(bundle.raw(), field, path.c_str(), v.out(), e); });
  return v;
}

// `--input` names the file, or META does, where it may be gone since.
mrun::variant given_again(const std::string &path, const std::string &hash, const mrun::bundle &bundle,
                          const char *field) {
  try {
    return file_again(path, hash, bundle, field);
  } catch (const mrun::failure &e) {
    if (e.code == MRUN_VERIFY) throw;
    throw mrun::failure(MRUN_USAGE, std::string("--input ") + e.what(), e.detail);
  }
}

mrun::variant kept_again(const std::string &path, const std::string &hash, const mrun::bundle &bundle,
                         const char *field) {
  try {
    return file_again(path, hash, bundle, field);
  } catch (const mrun::failure &e) {
    std::error_code unknown;
    if (fs::exists(path, unknown)) throw;
    const std::string wanted = field == nullptr ? "FILE" : std::string(field) + "=FILE";
    throw mrun::failure(e.code, std::string(e.what()) + "; --input " + wanted + " says where it is now", e.detail);
  }
}

mrun::variant one_again(const View &d, const mrun::bundle &bundle, const std::string &field, const Files &files) {
  const auto given = std::find_if(files.begin(), files.end(), [&](const auto &f) { return f.first == field; });
  const char *name = field.empty() ? nullptr : field.c_str();
  const std::string hash = d.at("sha256").text();
  const View text = d.at("text"), json = d.at("json"), path = d.at("path");
  if (given != files.end()) return given_again(given->second, hash, bundle, name);
  if (text.v->kind == MRUN_STRING) {
    if (sha256(text.text()) != hash) changed("the input's text");
    return copied(*text.v);
  }
  if (path.v->kind == MRUN_STRING) return kept_again(path.text(), hash, bundle, name);
  if (d.at("stdin").flag()) {
    throw mrun::failure(MRUN_USAGE,
                        "the input came from standard input, which is not kept: --input FILE gives it again");
  }
  if (const std::string other = d.at("other_path").text(); !other.empty()) {
    throw mrun::failure(MRUN_USAGE, "the input's path is not UTF-8 and is kept for people only, as " + other +
                                        ": --input FILE gives it again");
  }
  if (mrun_get(d.v, "json") == nullptr) throw mrun::failure(MRUN_USAGE, "META: \"input\" does not say what was given");
  if (sha256(json.json()) != hash) changed("the input's JSON");
  return copied(*json.v);
}

}  // namespace

std::string sha256(std::string_view data) {
  char hex[65];
  mrun::host_detail::call([&](mrun_error *) { return mrun_sha256(data.data(), data.size(), hex); });
  return hex;
}

std::string describe_file(const std::string &path) {
  const std::string hash = sha256(read_file(path)), whole = fs::absolute(path).lexically_normal().string();
  try {
    return described("path", quoted(whole), hash);
  } catch (const mrun::failure &) { return described("other_path", quoted(printable(whole)), hash); }
}

std::string describe_value(const std::string &kind, const mrun_value &v) {
  const View value{&v};
  if (kind == "text") return described("text", value.json(), sha256(value.text()));
  if (kind == "json" || kind == "record") return described("json", value.json(), sha256(value.json()));
  if (kind == "tensor") return "";  // of a pipe: neither its path nor its bytes are there any more
  return described("stdin", "true", sha256(bytes_of(v)));
}

std::string describe_record(const Files &fields) {
  std::string json;
  for (const auto &[name, description] : fields) json += (json.empty() ? "" : ",") + quoted(name) + ":" + description;
  return "{\"fields\":{" + json + "}}";
}

mrun::variant input_again(const View &description, const mrun::bundle &bundle, const Files &files) {
  const View fields = description.at("fields");
  if (fields.v->kind != MRUN_MAP) return one_again(description, bundle, "", files);
  std::vector<std::pair<std::string, mrun::variant>> entries;
  for (size_t i = 0; i < fields.size(); ++i) {
    entries.emplace_back(fields.key(i), one_again(fields.value(i), bundle, fields.key(i), files));
  }
  return mrun::map(std::move(entries));
}

}  // namespace command
