#include "value/value.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <mrun/message.hpp>

#include "base/article.h"
#include "base/error.h"
#include "value/nesting.h"
#include "value/object.h"
#include "value/tensor.h"

namespace mrun {
namespace {

struct StringBlock : Block {
  explicit StringBlock(std::string_view s) : text(s) {}
  const std::string text;
};

struct ListBlock : NestingBlock {
  explicit ListBlock(std::vector<Value> v) : items(std::move(v)) {
    for (const Value &item : items) hold(item.c());
  }
  const std::vector<Value> items;
};

struct MapBlock : NestingBlock {
  ~MapBlock() override {
    for (mrun_entry &e : entries) Value::free(&e.value);
  }
  std::string keys;  // all keys, one after the other
  std::vector<mrun_entry> entries;
};

mrun_value make(mrun_kind kind) {
  mrun_value v{};
  v.kind = kind;
  return v;
}

Value copy_list(const mrun_value &v) {
  std::vector<Value> items;
  items.reserve(v.as.list.size);
  for (size_t i = 0; i < v.as.list.size; ++i) items.push_back(Value::copy(v.as.list.items[i]));
  return Value::list(std::move(items));
}

Value copy_map(const mrun_value &v) {
  std::vector<std::pair<std::string, Value>> entries;
  entries.reserve(v.as.map.size);
  for (size_t i = 0; i < v.as.map.size; ++i) {
    const mrun_entry &e = v.as.map.items[i];
    entries.emplace_back(std::string(e.key.data, e.key.size), Value::copy(e.value));
  }
  return Value::map(std::move(entries));
}

}  // namespace

Value Value::boolean(bool b) {
  mrun_value v = make(MRUN_BOOL);
  v.as.boolean = b ? 1 : 0;
  return adopt(v);
}

Value Value::integer(int64_t i) {
  mrun_value v = make(MRUN_INT);
  v.as.integer = i;
  return adopt(v);
}

Value Value::number(double d) {
  mrun_value v = make(MRUN_FLOAT);
  v.as.number = d;
  return adopt(v);
}

Value Value::string(std::string_view s) {
  mrun_value v = make(MRUN_STRING);
  auto block = std::make_unique<StringBlock>(s);
  v.as.string = {block->text.data(), block->text.size()};
  v.owner = static_cast<Block *>(block.release());
  return adopt(v);
}

Value Value::list(std::vector<Value> items) {
  mrun_value v = make(MRUN_LIST);
  auto block = std::make_unique<ListBlock>(std::move(items));
  v.as.list = {reinterpret_cast<const mrun_value *>(block->items.data()), block->items.size()};
  v.owner = static_cast<Block *>(block.release());
  return adopt(v);
}

Value Value::map(std::vector<std::pair<std::string, Value>> entries) {
  const auto before = [](const auto &a, const auto &b) { return a.first < b.first; };
  // Mostly they come so, and to sort wants memory.
  if (!std::is_sorted(entries.begin(), entries.end(), before)) std::stable_sort(entries.begin(), entries.end(), before);
  auto block = std::make_unique<MapBlock>();
  size_t bytes = 0;
  for (const auto &e : entries) bytes += e.first.size();
  block->keys.reserve(bytes);  // no reallocation below: entries point into it
  block->entries.reserve(entries.size());
  for (size_t i = 0; i < entries.size(); ++i) {
    if (i + 1 < entries.size() && entries[i + 1].first == entries[i].first) continue;
    const size_t at = block->keys.size();
    block->keys += entries[i].first;
    block->entries.push_back({{block->keys.data() + at, entries[i].first.size()}, entries[i].second.release()});
    block->hold(block->entries.back().value);
  }
  mrun_value v = make(MRUN_MAP);
  v.as.map = {block->entries.data(), block->entries.size()};
  v.owner = static_cast<Block *>(block.release());
  return adopt(v);
}

Value Value::copy(const mrun_value &v) {
  switch (v.kind) {
    case MRUN_OBJECT: v.as.object->retain(); return adopt(v);
    case MRUN_TENSOR: static_cast<Block *>(v.as.tensor.owner)->retain(); return adopt(v);
    case MRUN_STRING:
    case MRUN_LIST:
    case MRUN_MAP:
      if (v.owner != nullptr) {
        static_cast<Block *>(v.owner)->retain();
        return adopt(v);
      }
      if (v.kind == MRUN_STRING) return string({v.as.string.data, v.as.string.size});
      return v.kind == MRUN_LIST ? copy_list(v) : copy_map(v);
    default: return adopt(v);
  }
}

void Value::free(mrun_value *v) noexcept {
  switch (v->kind) {
    // Without an owner it is none, though its kind says so: other code wrote it (value/foreign), and hands over all it has.
    case MRUN_OBJECT:
      if (v->as.object != nullptr) v->as.object->release();
      break;
    case MRUN_TENSOR:
      if (v->as.tensor.owner != nullptr) static_cast<Block *>(v->as.tensor.owner)->release();
      break;
    case MRUN_STRING:
    case MRUN_LIST:
    case MRUN_MAP:
      if (v->owner != nullptr) static_cast<Block *>(v->owner)->release();
      break;
    default: break;
  }
  *v = mrun_value{};
}

void Value::wrong_kind(const char *wanted) const { fail(MRUN_INTERNAL, "want {}, got {}", wanted, describe(v_)); }

std::span<const Value> Value::as_list() const {
  if (is_nil()) return {};
  if (!is_list()) wrong_kind("a list");
  return {reinterpret_cast<const Value *>(v_.as.list.items), v_.as.list.size};
}

std::span<const Entry> Value::as_map() const {
  if (is_nil()) return {};
  if (!is_map()) wrong_kind("a map");
  return {reinterpret_cast<const Entry *>(v_.as.map.items), v_.as.map.size};
}

const Tensor &Value::as_tensor() const {
  if (!is_tensor()) wrong_kind("a tensor");
  return static_cast<const Tensor &>(*this);
}

const Value *Value::find(std::string_view key) const {
  if (!is_map()) return nullptr;
  const auto entries = as_map();
  const auto at = std::lower_bound(entries.begin(), entries.end(), key,
                                   [](const Entry &e, std::string_view k) { return e.key() < k; });
  return at != entries.end() && at->key() == key ? &at->value() : nullptr;
}

Value object_value(const mrun_type *type, void *self) {
  mrun_value v = make(MRUN_OBJECT);
  try {
    v.as.object = new mrun_object(type, self);
  } catch (const std::bad_alloc &) {
    destroy_object(type, self);
    throw;
  }
  return Value::adopt(v);
}

const char *kind_name(int kind) {
  static const char *const names[] = {"nil",    "boolean", "integer", "number", "string",
                                      "tensor", "list",    "map",     "object", "function"};
  return kind >= 0 && static_cast<size_t>(kind) < std::size(names) ? names[kind] : "unknown";
}

std::string describe(const mrun_value &v) {
  switch (v.kind) {
    case MRUN_BOOL: return v.as.boolean ? "true" : "false";
    case MRUN_INT: return fmt::format("the integer {}", v.as.integer);
    case MRUN_FLOAT:
      return fmt::format("the number {}", std::isnan(v.as.number) ? std::fabs(v.as.number) : v.as.number);
    case MRUN_STRING: return "a string of " + counted(v.as.string.size, "byte");
    case MRUN_LIST: return fmt::format("a list of {}", v.as.list.size);
    case MRUN_MAP: return "a table of " + counted(v.as.map.size, "key");
    case MRUN_TENSOR: {
      const DLTensor &t = v.as.tensor.dl->dl_tensor;
      return fmt::format("{} tensor {}", with_article(dtype_name(t.dtype)),
                         shape_text({t.shape, static_cast<size_t>(t.ndim)}));
    }
    case MRUN_OBJECT: return with_article(v.as.object->type->name);
    case MRUN_FUNCTION: return "a function";
    default: return "nil";
  }
}

}  // namespace mrun
