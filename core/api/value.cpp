#include "api/handles.h"
#include "exec/input.h"
#include "value/json.h"

using mrun::Tensor;
using mrun::Value;
using mrun::api::guard;
using mrun::api::usage;

namespace {

// A DLPack tensor that shares a value's memory and keeps it alive.
struct Exported {
  DLManagedTensor dl{};
  Tensor tensor;
};

std::vector<Value> take_items(mrun_value *items, size_t count) {
  std::vector<Value> taken;
  for (size_t i = 0; i < count; ++i) {
    taken.push_back(Value::copy(items[i]));
    Value::free(&items[i]);
  }
  return taken;
}

}  // namespace

extern "C" {

mrun_value mrun_text(const char *text) {
  mrun_value v{};
  v.kind = MRUN_STRING;
  v.as.string = {text, text == nullptr ? 0 : std::strlen(text)};
  return v;
}

// A copy: a script can keep its input beyond the answer, in an upvalue or inside an object.
mrun_value mrun_bytes(const void *data, size_t size) {
  try {
    Tensor bytes = Tensor::empty(mrun::dtype::uint8, {static_cast<int64_t>(size)});
    if (size > 0) std::memcpy(bytes.data<char>(), data, size);
    mrun_value v = bytes.release();
    v.flags |= MRUN_READONLY;
    return v;
  } catch (...) { return mrun_value{}; }
}

int mrun_tensor(DLManagedTensor *dl, mrun_value *out) {
  if (dl == nullptr || out == nullptr) return MRUN_USAGE;
  return guard(nullptr, [&] { *out = Tensor::give(dl).release(); });
}

int mrun_tensor_export(const mrun_value *value, DLManagedTensor **out) {
  if (value == nullptr || out == nullptr || value->kind != MRUN_TENSOR) return MRUN_USAGE;
  return guard(nullptr, [&] {
    auto exported = std::make_unique<Exported>();
    exported->tensor = Tensor::copy(*value);
    exported->dl.dl_tensor = exported->tensor.dl();
    exported->dl.manager_ctx = exported.get();
    exported->dl.deleter = [](DLManagedTensor *dl) { delete static_cast<Exported *>(dl->manager_ctx); };
    *out = &exported.release()->dl;
  });
}

int mrun_list(mrun_value *items, size_t count, mrun_value *out) {
  if (out == nullptr || (items == nullptr && count > 0)) return MRUN_USAGE;
  return guard(nullptr, [&] { *out = Value::list(take_items(items, count)).release(); });
}

int mrun_map(mrun_entry *items, size_t count, mrun_value *out) {
  if (out == nullptr || (items == nullptr && count > 0)) return MRUN_USAGE;
  return guard(nullptr, [&] {
    std::vector<std::pair<std::string, Value>> entries;
    for (size_t i = 0; i < count; ++i) {
      entries.emplace_back(std::string(items[i].key.data, items[i].key.size), Value::copy(items[i].value));
      Value::free(&items[i].value);
    }
    *out = Value::map(std::move(entries)).release();
  });
}

int mrun_value_copy(const mrun_value *in, mrun_value *out) {
  if (in == nullptr || out == nullptr) return MRUN_USAGE;
  return guard(nullptr, [&] { *out = Value::copy(*in).release(); });
}

void mrun_value_free(mrun_value *value) {
  if (value != nullptr) Value::free(value);
}

const mrun_value *mrun_get(const mrun_value *map, const char *key) {
  if (map == nullptr || key == nullptr || map->kind != MRUN_MAP) return nullptr;
  const Value *v = reinterpret_cast<const Value *>(map)->find(key);
  return v == nullptr ? nullptr : &v->c();
}

int mrun_from_json(const char *text, size_t size, mrun_value *out, mrun_error *error) {
  if (text == nullptr || out == nullptr) return usage(error, "mrun_from_json: text and out must not be NULL");
  return guard(error, [&] { *out = mrun::parse_json({text, size}).release(); });
}

int mrun_to_json(const mrun_value *value, int indent, char **out, mrun_error *error) {
  if (value == nullptr || out == nullptr) return usage(error, "mrun_to_json: value and out must not be NULL");
  return guard(error, [&] {
    mrun::JsonOptions options;
    if (indent > 0) {
      options.style = mrun::JsonOptions::Style::pretty;
      options.indent = indent;
    }
    *out = mrun::api::copy_string(mrun::to_json(Value::copy(*value), options));
  });
}

int mrun_input(const mrun_bundle *bundle, const char *field, const char *text, mrun_value *out, mrun_error *error) {
  if (bundle == nullptr || text == nullptr || out == nullptr) return usage(error, "mrun_input: an argument is NULL");
  return guard(
      error, [&] { *out = mrun::read_input(mrun::kind_of_input(bundle->bundle->manifest(), field), text).release(); });
}

int mrun_input_file(const mrun_bundle *bundle, const char *field, const char *path, mrun_value *out,
                    mrun_error *error) {
  if (bundle == nullptr || path == nullptr || out == nullptr)
    return usage(error, "mrun_input_file: an argument is NULL");
  return guard(error, [&] {
    *out = mrun::read_input_file(mrun::kind_of_input(bundle->bundle->manifest(), field), path).release();
  });
}

int mrun_input_bytes(const mrun_bundle *bundle, const char *field, const void *data, size_t size, mrun_value *out,
                     mrun_error *error) {
  if (bundle == nullptr || (data == nullptr && size > 0) || out == nullptr)
    return usage(error, "mrun_input_bytes: an argument is NULL");
  return guard(error, [&] {
    const std::string_view bytes(static_cast<const char *>(data), size);
    *out = mrun::read_input_bytes(mrun::kind_of_input(bundle->bundle->manifest(), field), bytes).release();
  });
}

}  // extern "C"
