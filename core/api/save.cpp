// Answers whose bytes and large tensors become files.
#include <algorithm>
#include <filesystem>
#include <set>

#include "api/handles.h"
#include "base/file.h"
#include "base/text.h"
#include "bundle/names.h"
#include "value/json.h"
#include "value/npy.h"

using mrun::Tensor;
using mrun::Value;
using mrun::api::guard;
using mrun::api::usage;

namespace {

namespace fs = std::filesystem;

constexpr size_t longest_stem = 200;  // in bytes; a number and an extension follow, and drafts have longer names

// ASCII's, in every locale of the program.
bool letter_or_digit(char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }

std::string extension_of(std::string_view media_type) {
  if (media_type.empty()) return ".npy";
  const std::string_view subtype = media_type.substr(media_type.rfind('/') + 1);
  if (subtype == "jpeg") return ".jpg";
  if (subtype == "plain") return ".txt";
  if (subtype == "octet-stream") return ".bin";
  for (const char c : subtype) {
    if (!letter_or_digit(c)) return ".bin";
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
    if (letter_or_digit(c) || c == '_')
      stem += c;
    else if (stem.back() != '-')
      stem += '-';
  }
  stem.resize(std::min(stem.size(), longest_stem));
  while (stem.back() == '-') stem.pop_back();
  return stem;
}

// The files of one value, in the order in which it is written. Places that differ in what a file's name cannot hold
// ("a b" and "a-b", keys of other scripts) are told apart by a number.
class Files {
 public:
  Files(fs::path folder, std::string prefix) : folder_(std::move(folder)), prefix_(std::move(prefix)) {}

  Value add(const Tensor &t, const std::string &place) {
    const std::string media(t.media_type());
    const fs::path path = folder_ / free_name(file_stem(prefix_, place), extension_of(media));
    if (media.empty()) {
      mrun::write_file_atomic(path, mrun::write_npy(t));
    } else {
      mrun::write_file_atomic(path, t.contiguous().bytes());
    }
    std::vector<std::pair<std::string, Value>> entry{{"$file", Value::string(path.string())}};
    if (!media.empty()) entry.emplace_back("type", Value::string(media));
    return Value::map(std::move(entry));
  }

 private:
  std::string free_name(const std::string &stem, const std::string &extension) {
    std::string name = stem + extension;
    for (int number = 2; !taken_.insert(mrun::lower(name)).second; ++number) {
      name = stem + "-" + std::to_string(number) + extension;
    }
    return name;
  }

  const fs::path folder_;
  const std::string prefix_;
  std::set<std::string> taken_;
};

// One that is cut would be another one's beginning, whose files have the same names then.
void check_prefix(std::string_view prefix) {
  if (prefix.find('/') == std::string_view::npos && prefix.size() <= longest_stem && mrun::valid_utf8(prefix)) return;
  mrun::fail(MRUN_USAGE,
             "mrun_save_json: prefix: want the begin of a file's name, in UTF-8 and of at most {} bytes, got {}",
             longest_stem, mrun::printable(prefix, longest_stem));
}

}  // namespace

extern "C" int mrun_save_json(const mrun_value *value, const char *folder, const char *prefix, char **out,
                              mrun_error *error) {
  if (value == nullptr || folder == nullptr || prefix == nullptr || out == nullptr) {
    return usage(error, "mrun_save_json: an argument is NULL");
  }
  return guard(error, [&] {
    check_prefix(prefix);
    if (!mrun::valid_utf8(folder))
      mrun::fail(MRUN_USAGE, "{}: JSON names the files in it, so it must be UTF-8", mrun::printable(folder));
    std::error_code failed;
    fs::create_directories(folder, failed);
    if (failed) mrun::fail(MRUN_IO, "{}: cannot make the folder: {}", folder, failed.message());
    mrun::JsonOptions options;
    Files files(folder, prefix);
    options.save = [&](const Tensor &t, const std::string &place) { return files.add(t, place); };
    *out = mrun::api::copy_string(mrun::to_json(mrun::api::host_value(value), options));
  });
}
