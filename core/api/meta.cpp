// What an answer was made with, and whether another one is the same.
#include <algorithm>
#include <cstring>

#include "api/handles.h"
#include "author/compare.h"
#include "author/example.h"
#include "base/file.h"
#include "base/hash.h"
#include "report/meta.h"
#include "value/json.h"
#include "value/npy.h"

using mrun::Value;
using mrun::api::copy_string;
using mrun::api::guard;
using mrun::api::usage;

namespace {

using SavedFiles =
    std::vector<std::pair<std::string, Value>>;  // what --save made of a value, in the order of the answer

// {"$file": "out/0-mask.npy"} becomes {"$file": N}, N counting from 0, so that the rest can be compared.
Value without_files(const Value &v, SavedFiles &files) {
  if (v.is_list()) {
    std::vector<Value> items;
    for (const Value &item : v.as_list()) items.push_back(without_files(item, files));
    return Value::list(std::move(items));
  }
  if (!v.is_map()) return v;
  const Value *file = v.find("$file"), *type = v.find("type");
  const bool saved = file != nullptr && file->is_string() && v.as_map().size() == (type == nullptr ? 1 : 2);
  std::vector<std::pair<std::string, Value>> entries;
  for (const mrun::Entry &e : v.as_map()) {
    const bool number = saved && e.key() == "$file";
    entries.emplace_back(e.key(),
                         number ? Value::integer(static_cast<int64_t>(files.size())) : without_files(e.value(), files));
  }
  if (saved) files.emplace_back(file->as_string(), type == nullptr ? Value() : *type);
  return Value::map(std::move(entries));
}

// The same of an answer, whose tensors go to `tensors`.
Value without_tensors(const Value &answer, std::vector<Value> &tensors) {
  mrun::JsonOptions options;
  options.save = [&](const mrun::Tensor &t, const std::string &) {
    std::vector<std::pair<std::string, Value>> entry{{"$file", Value::integer(static_cast<int64_t>(tensors.size()))}};
    if (!t.media_type().empty()) entry.emplace_back("type", Value::string(t.media_type()));
    tensors.emplace_back(t);
    return Value::map(std::move(entry));
  };
  return mrun::answer_as_json(answer, options);
}

Value read_saved(const std::string &path, const Value &type) {
  const std::string bytes = mrun::read_file(path, MRUN_VERIFY);
  mrun::Tensor t = mrun::Tensor::empty(mrun::dtype::uint8, {static_cast<int64_t>(bytes.size())});
  std::copy(bytes.begin(), bytes.end(), t.data<char>());
  if (type.is_nil()) return mrun::read_npy(t, path, MRUN_VERIFY);
  return t.with_media_type(std::string(type.as_string()));
}

std::optional<mrun::Difference> difference(const Value &expected, const Value &answer,
                                           const mrun::Tolerance &tolerance) {
  SavedFiles files;
  const Value rest = without_files(expected, files);
  if (files.empty()) return mrun::compare(expected, mrun::answer_as_json(answer), tolerance, "answer");
  std::vector<Value> tensors;
  if (auto d = mrun::compare(rest, without_tensors(answer, tensors), tolerance, "answer")) return d;
  for (size_t i = 0; i < files.size(); ++i) {
    const auto &[path, type] = files[i];
    if (auto d = mrun::compare(read_saved(path, type), tensors.at(i), tolerance, path)) return d;
  }
  return std::nullopt;
}

}  // namespace

extern "C" {

int mrun_meta(mrun_engine *engine, uint64_t number, char **json, mrun_error *error) {
  if (json == nullptr) return usage(error, "mrun_meta: json must not be NULL");
  return guard(error,
               [&] { *json = copy_string(mrun::to_json(mrun::meta_of(*mrun::api::find(engine)->session, number))); });
}

int mrun_sha256(const void *data, size_t size, char hex[65]) {
  if ((data == nullptr && size > 0) || hex == nullptr)
    return usage(nullptr, "mrun_sha256: data and hex must not be NULL");
  return guard(nullptr, [&] {
    const std::string digest = mrun::sha256_hex({static_cast<const char *>(data), size});
    std::memcpy(hex, digest.c_str(), digest.size() + 1);
  });
}

int mrun_same_answer(const mrun_bundle *bundle, const mrun_value *expected, const mrun_value *answer,
                     mrun_error *error) {
  return guard(error, [&] {
    const auto opened = mrun::api::bundle_of(bundle);
    const mrun::Manifest &m = opened->manifest();
    const auto d = difference(mrun::api::host_value(expected), mrun::api::host_value(answer),
                              {m.rtol, m.atol, &mrun::api::default_registry()});
    if (d) mrun::fail(MRUN_VERIFY, "{}: {}", d->place, d->message);
  });
}

}  // extern "C"
