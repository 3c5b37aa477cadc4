// Values that a host hands over: what can be told to be wrong is refused before anything reads it.
#include "api/handles.h"
#include "value/dlpack.h"

namespace mrun::api {
namespace {

constexpr int deepest = 1000;

void check(const mrun_value &v, int depth);

void check_entries(const mrun_value &v, int depth) {
  const auto &map = v.as.map;
  if (map.items == nullptr && map.size > 0) fail(MRUN_USAGE, "a map's items are NULL");
  for (size_t i = 0; i < map.size; ++i) {
    const auto &key = map.items[i].key;
    if (key.data == nullptr && key.size > 0) fail(MRUN_USAGE, "a map's key is NULL");
    if (!valid_utf8({key.data, key.size})) fail(MRUN_USAGE, "a map's key of {} bytes is not valid UTF-8", key.size);
    check(map.items[i].value, depth + 1);
  }
}

void check_items(const mrun_value &v, int depth) {
  const auto &list = v.as.list;
  if (list.items == nullptr && list.size > 0) fail(MRUN_USAGE, "a list's items are NULL");
  for (size_t i = 0; i < list.size; ++i) check(list.items[i], depth + 1);
}

// What has an owner was made here, and was checked then.
void check(const mrun_value &v, int depth) {
  if (depth > deepest) fail(MRUN_USAGE, "a value is nested more than {} deep, or contains itself", deepest);
  const bool borrowed = v.owner == nullptr;
  switch (v.kind) {
    case MRUN_NIL:
    case MRUN_BOOL:
    case MRUN_INT:
    case MRUN_FLOAT: return;
    case MRUN_STRING:
      if (v.as.string.data == nullptr && v.as.string.size > 0) fail(MRUN_USAGE, "a string's data is NULL");
      return;
    case MRUN_TENSOR:
      if (v.as.tensor.dl == nullptr || v.as.tensor.owner == nullptr) {
        fail(MRUN_USAGE, "a tensor has no owner: mrun_tensor makes one");
      }
      return;
    case MRUN_LIST:
      if (borrowed) check_items(v, depth);
      return;
    case MRUN_MAP:
      if (borrowed) check_entries(v, depth);
      return;
    case MRUN_OBJECT:
      if (v.as.object == nullptr) fail(MRUN_USAGE, "an object is NULL");
      return;
    default: fail(MRUN_USAGE, "a host has no values of kind {}", v.kind);
  }
}

}  // namespace

Value host_value(const mrun_value *v) {
  if (v == nullptr) fail(MRUN_USAGE, "a value is NULL");
  check(*v, 0);
  return Value::copy(*v);
}

}  // namespace mrun::api
