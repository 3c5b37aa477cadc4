#include <cstring>

#include "api/handles.h"
#include "exec/input.h"
#include "value/dlpack.h"
#include "value/json.h"

using mrun::Tensor;
using mrun::Value;
using mrun::api::guard;
using mrun::api::usage;

namespace {

mrun_value &value_of(mrun_value &v) { return v; }
mrun_value &value_of(mrun_entry &e) { return e.value; }

// What a host moves in is freed in every case.
template <class T>
struct MovedIn {
  T *items;
  size_t count;
  ~MovedIn() {
    for (size_t i = 0; items != nullptr && i < count; ++i) mrun_value_free(&value_of(items[i]));
  }
};

Value list_of(mrun_value *items, size_t count) {
  const MovedIn<mrun_value> moved{items, count};
  if (items == nullptr && count > 0) mrun::fail(MRUN_USAGE, "mrun_list: items must not be NULL");
  std::vector<Value> taken;
  for (size_t i = 0; i < count; ++i) taken.push_back(mrun::api::host_value(&items[i]));
  return Value::list(std::move(taken));
}

Value map_of(mrun_entry *items, size_t count) {
  const MovedIn<mrun_entry> moved{items, count};
  if (items == nullptr && count > 0) mrun::fail(MRUN_USAGE, "mrun_map: items must not be NULL");
  mrun_value given{};
  given.kind = MRUN_MAP;
  given.as.map = {items, count};
  return mrun::api::host_value(&given);
}

template <class Managed>
int take_tensor(Managed *dl, mrun_value *out, const char *function) {
  return guard(nullptr, [&] {
    Tensor taken = mrun::given_tensor(dl, function);
    if (out == nullptr) mrun::fail(MRUN_USAGE, "{}: out must not be NULL", function);
    *out = taken.release();
  });
}

template <class Managed>
int put_tensor(const mrun_value *value, Managed **out, Managed *(*make)(const Tensor &), const char *function) {
  return guard(nullptr, [&] {
    if (out == nullptr) mrun::fail(MRUN_USAGE, "{}: out must not be NULL", function);
    *out = nullptr;
    const Value v = mrun::api::host_value(value);
    if (!v.is_tensor()) mrun::fail(MRUN_USAGE, "{}: want a tensor, got {}", function, mrun::describe(v.c()));
    *out = make(v.as_tensor());
  });
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
    if (data == nullptr && size > 0) return mrun_value{};
    Tensor bytes = Tensor::empty(mrun::dtype::uint8, {static_cast<int64_t>(size)});
    if (size > 0) std::memcpy(bytes.data<char>(), data, size);
    mrun_value v = bytes.release();
    v.flags |= MRUN_READONLY;
    return v;
  } catch (...) { return mrun_value{}; }
}

int mrun_tensor(DLManagedTensor *dl, mrun_value *out) { return take_tensor(dl, out, "mrun_tensor"); }

int mrun_tensor_versioned(struct DLManagedTensorVersioned *dl, mrun_value *out) {
  return take_tensor(dl, out, "mrun_tensor_versioned");
}

int mrun_tensor_export(const mrun_value *value, DLManagedTensor **out) {
  return put_tensor(value, out, mrun::export_tensor, "mrun_tensor_export");
}

int mrun_tensor_export_versioned(const mrun_value *value, struct DLManagedTensorVersioned **out) {
  return put_tensor(value, out, mrun::export_versioned, "mrun_tensor_export_versioned");
}

int mrun_list(mrun_value *items, size_t count, mrun_value *out) {
  return guard(nullptr, [&] {
    Value list = list_of(items, count);
    if (out == nullptr) mrun::fail(MRUN_USAGE, "mrun_list: out must not be NULL");
    *out = list.release();
  });
}

int mrun_map(mrun_entry *items, size_t count, mrun_value *out) {
  return guard(nullptr, [&] {
    Value map = map_of(items, count);
    if (out == nullptr) mrun::fail(MRUN_USAGE, "mrun_map: out must not be NULL");
    *out = map.release();
  });
}

int mrun_value_copy(const mrun_value *in, mrun_value *out) {
  if (out == nullptr) return usage(nullptr, "mrun_value_copy: out must not be NULL");
  return guard(nullptr, [&] { *out = mrun::api::host_value(in).release(); });
}

void mrun_value_free(mrun_value *value) {
  if (value != nullptr) Value::free(value);
}

const mrun_value *mrun_get(const mrun_value *map, const char *key) {
  if (map == nullptr || key == nullptr || map->kind != MRUN_MAP || map->as.map.items == nullptr) return nullptr;
  const Value *v = reinterpret_cast<const Value *>(map)->find(key);
  return v == nullptr ? nullptr : &v->c();
}

int mrun_from_json(const char *text, size_t size, mrun_value *out, mrun_error *error) {
  if (text == nullptr || out == nullptr) return usage(error, "mrun_from_json: text and out must not be NULL");
  return guard(error, [&] { *out = mrun::parse_json({text, size}).release(); });
}

int mrun_to_json(const mrun_value *value, int indent, char **out, mrun_error *error) {
  if (out == nullptr) return usage(error, "mrun_to_json: out must not be NULL");
  return guard(error, [&] {
    constexpr int most = 100;
    if (indent < 0 || indent > most) mrun::fail(MRUN_USAGE, "mrun_to_json: indent: want 0 to {}, got {}", most, indent);
    mrun::JsonOptions options;
    if (indent > 0) {
      options.style = mrun::JsonOptions::Style::pretty;
      options.indent = indent;
    }
    *out = mrun::api::copy_string(mrun::to_json(mrun::api::host_value(value), options));
  });
}

int mrun_input(const mrun_bundle *bundle, const char *field, const char *text, mrun_value *out, mrun_error *error) {
  if (text == nullptr || out == nullptr) return usage(error, "mrun_input: an argument is NULL");
  return guard(error, [&] {
    *out = mrun::read_input(mrun::kind_of_input(mrun::api::bundle_of(bundle)->manifest(), field), text).release();
  });
}

int mrun_input_file(const mrun_bundle *bundle, const char *field, const char *path, mrun_value *out,
                    mrun_error *error) {
  if (path == nullptr || out == nullptr) return usage(error, "mrun_input_file: an argument is NULL");
  return guard(error, [&] {
    *out = mrun::read_input_file(mrun::kind_of_input(mrun::api::bundle_of(bundle)->manifest(), field), path).release();
  });
}

int mrun_input_bytes(const mrun_bundle *bundle, const char *field, const void *data, size_t size, mrun_value *out,
                     mrun_error *error) {
  if ((data == nullptr && size > 0) || out == nullptr) return usage(error, "mrun_input_bytes: an argument is NULL");
  return guard(error, [&] {
    const std::string_view bytes(static_cast<const char *>(data), size);
    *out =
        mrun::read_input_bytes(mrun::kind_of_input(mrun::api::bundle_of(bundle)->manifest(), field), bytes).release();
  });
}

}  // extern "C"
