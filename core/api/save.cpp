// Answers whose bytes and large tensors become files.
#include <filesystem>

#include "api/handles.h"
#include "base/file.h"
#include "value/json.h"
#include "value/npy.h"

using mrun::Tensor;
using mrun::Value;
using mrun::api::guard;
using mrun::api::usage;

namespace {

namespace fs = std::filesystem;

std::string extension_of(std::string_view media_type) {
  if (media_type.empty()) return ".npy";
  const std::string_view subtype = media_type.substr(media_type.rfind('/') + 1);
  if (subtype == "jpeg") return ".jpg";
  if (subtype == "plain") return ".txt";
  if (subtype == "octet-stream") return ".bin";
  for (const char c : subtype) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) return ".bin";
  }
  return "." + std::string(subtype);
}

// "answer.crops[2]" -> "crops-2": what a file may be called everywhere.
std::string file_stem(const std::string &prefix, const std::string &place) {
  std::string stem = prefix;
  const size_t dot = place.find_first_of(".[");
  const std::string_view inner = dot == std::string::npos ? "answer" : std::string_view(place).substr(dot + 1);
  stem += '-';
  for (const char c : inner) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_')
      stem += c;
    else if (stem.back() != '-')
      stem += '-';
  }
  while (stem.back() == '-') stem.pop_back();
  return stem;
}

Value save_tensor(const Tensor &t, const fs::path &folder, const std::string &prefix, const std::string &place) {
  const std::string media(t.media_type());
  const std::string name = file_stem(prefix, place) + extension_of(media);
  if (media.empty()) {
    mrun::write_file_atomic(folder / name, mrun::write_npy(t));
  } else {
    mrun::write_file_atomic(folder / name, t.contiguous().bytes());
  }
  std::vector<std::pair<std::string, Value>> entry{{"$file", Value::string((folder / name).string())}};
  if (!media.empty()) entry.emplace_back("type", Value::string(media));
  return Value::map(std::move(entry));
}

}  // namespace

extern "C" int mrun_save_json(const mrun_value *value, const char *folder, const char *prefix, char **out,
                              mrun_error *error) {
  if (value == nullptr || folder == nullptr || prefix == nullptr || out == nullptr) {
    return usage(error, "mrun_save_json: an argument is NULL");
  }
  return guard(error, [&] {
    std::error_code failed;
    fs::create_directories(folder, failed);
    if (failed) mrun::fail(MRUN_IO, "{}: cannot make the folder: {}", folder, failed.message());
    mrun::JsonOptions options;
    options.save = [&](const Tensor &t, const std::string &place) { return save_tensor(t, folder, prefix, place); };
    *out = mrun::api::copy_string(mrun::to_json(mrun::api::host_value(value), options));
  });
}
