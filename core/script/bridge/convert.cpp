#include "script/bridge/convert.h"

#include <algorithm>
#include <cmath>

#include "base/article.h"
#include "base/place.h"
#include "base/text.h"
#include "script/bridge/json_null.h"
#include "script/bridge/missing_key.h"
#include "script/bridge/object.h"
#include "script/bridge/tensor.h"
#include "script/vm/errors.h"
#include "script/vm/frozen.h"
#include "script/vm/hook.h"
#include "script/vm/input_handles.h"

namespace mrun {
namespace {

constexpr size_t most_nodes = 2'000'000;
constexpr int poll_values = 1 << 16;  // values, or comparisons of keys

mrun_value string_value(const char *data, size_t size) {
  mrun_value v{};
  v.kind = MRUN_STRING;
  v.as.string = {data, size};
  return v;
}

bool has_metatable(lua_State *L, int index, int anchor) {
  if (lua_getmetatable(L, index) == 0) return false;
  push_anchor(L, anchor);
  const bool same = lua_rawequal(L, -1, -2) != 0;
  lua_pop(L, 2);
  return same;
}

// Empty list or empty map: they differ in JSON, so a map stays one.
void push_map(lua_State *L, const mrun_value &v, bool readonly) {
  lua_createtable(L, 0, static_cast<int>(v.as.map.size));
  for (size_t i = 0; i < v.as.map.size; ++i) {
    const mrun_entry &e = v.as.map.items[i];
    lua_pushlstring(L, e.key.data, e.key.size);
    if (e.value.kind == MRUN_NIL) {
      push_json_null(L);
    } else {
      push_value(L, e.value, readonly);
    }
    lua_rawset(L, -3);
  }
  if (v.as.map.size == 0) {
    push_anchor(L, vm_of(L).anchors.json_object);
    lua_setmetatable(L, -2);
  } else {
    guard_map(L);
  }
}

void push_list(lua_State *L, const mrun_value &v, bool readonly) {
  lua_createtable(L, static_cast<int>(v.as.list.size), 0);
  for (size_t i = 0; i < v.as.list.size; ++i) {
    if (v.as.list.items[i].kind == MRUN_NIL) {
      push_json_null(L);
    } else {
      push_value(L, v.as.list.items[i], readonly);
    }
    lua_rawseti(L, -2, static_cast<int>(i + 1));
  }
  guard_list(L);
}

// Asked for a key that the table does not have.
int guarded_index(lua_State *L, Vm &) {
  const Handle *key = handle_at(L, 2);
  if (is_tensor(key) || stands_for_tensor(key)) { fail(MRUN_SCRIPT, "{}", tensor_as_key(L, 2)); }
  if (lua_type(L, 2) == LUA_TNUMBER && lua_tonumber(L, 2) == 0 && lua_objlen(L, 1) > 0)
    fail(MRUN_SCRIPT, "{}", no_item_0);
  doubt_missing_key(L);
  return 0;
}

void check_shareable(const mrun_value &v, const char *what, mrun_code code) {
  if (v.kind == MRUN_OBJECT && !v.as.object->shareable()) {
    fail(code, "{}: holds {}, which cannot leave the script that made it", what, with_article(v.as.object->type->name));
  } else if (v.kind == MRUN_LIST) {
    for (size_t i = 0; i < v.as.list.size; ++i) check_shareable(v.as.list.items[i], what, code);
  } else if (v.kind == MRUN_MAP) {
    for (size_t i = 0; i < v.as.map.size; ++i) check_shareable(v.as.map.items[i].value, what, code);
  }
}

}  // namespace

void open_convert(lua_State *L) {
  begin_metatable(L);
  vm_of(L).anchors.json_object = anchor(L);
  for (int *guarded : {&vm_of(L).anchors.guarded_list, &vm_of(L).anchors.guarded_map}) {
    lua_newtable(L);
    lua_pushcfunction(L, function<guarded_index>);
    lua_setfield(L, -2, "__index");
    *guarded = anchor(L);
  }
  open_json_null(L);
}

void guard_list(lua_State *L) {
  push_anchor(L, vm_of(L).anchors.guarded_list);
  lua_setmetatable(L, -2);
}

void guard_map(lua_State *L) {
  push_anchor(L, vm_of(L).anchors.guarded_map);
  lua_setmetatable(L, -2);
}

bool is_guarded(lua_State *L, int index) {
  const Anchors &anchors = vm_of(L).anchors;
  return has_metatable(L, index, anchors.guarded_list) || has_metatable(L, index, anchors.guarded_map);
}

bool is_json_object(lua_State *L, int index) { return has_metatable(L, index, vm_of(L).anchors.json_object); }

Reader::Reader(lua_State *L, const char *what, mrun_code code, Functions *functions, bool settled)
    : L_(L), vm_(vm_of(L)), what_(what), code_(code), functions_(functions), settled_(settled) {}

void Reader::refuse(const Place *place, const std::string &problem) const {
  std::vector<std::string> steps;
  for (const Place *p = place; p != nullptr; p = p->outer) {
    if (p->key.kind == MRUN_STRING) {
      steps.push_back("." + printable({p->key.as.string.data, p->key.as.string.size}, 60));
    } else if (p->key.kind == MRUN_FLOAT) {
      steps.push_back(fmt::format("[{}]", p->key.as.number));
    }
  }
  std::reverse(steps.begin(), steps.end());
  fail(code_, "{}{}: {}", what_, place_text(steps), problem);
}

void Reader::count_node(const Place *place) {
  if (++nodes_ > most_nodes) refuse(place, fmt::format("more than {} values", most_nodes));
  if (nodes_ % poll_values == 0) poll(L_);
}

mrun_value Reader::read(int index, Place *place) {
  mrun_value v{};
  switch (lua_type(L_, index)) {
    case LUA_TBOOLEAN:
      v.kind = MRUN_BOOL;
      v.as.boolean = lua_toboolean(L_, index);
      return v;
    case LUA_TNUMBER:
      v.kind = MRUN_FLOAT;
      v.as.number = lua_tonumber(L_, index);
      return v;
    case LUA_TSTRING: return read_string(index, place);
    case LUA_TUSERDATA: return read_userdata(index, place);
    case LUA_TTABLE: return read_table(index < 0 ? lua_gettop(L_) + index + 1 : index, place);
    case LUA_TFUNCTION: return read_function(index, place);
    case LUA_TTHREAD: refuse(place, "is a coroutine");
    default: return v;  // nil, and json.null
  }
}

mrun_value Reader::read_string(int index, const Place *place) {
  size_t size = 0;
  const char *data = lua_tolstring(L_, index, &size);
  // A string can stand in many places, and each becomes a copy outside of the Lua heap.
  if ((bytes_ += static_cast<int64_t>(size)) > vm_.options.lua_memory) {
    fail(MRUN_MEMORY, "{}: more than {} bytes of text", what_, vm_.options.lua_memory);
  }
  if (!valid_utf8({data, size})) {
    refuse(place,
           fmt::format("is a string that is not valid UTF-8 at byte {}; bytes are uint8 tensors, and where s:sub "
                       "or s:reverse cut a character, text.characters(s) lists whole ones",
                       utf8_until({data, size})));
  }
  return string_value(data, size);
}

mrun_value Reader::read_userdata(int index, const Place *place) {
  const Handle &handle = *handle_at(L_, index);
  if (settled_ && stands_for_tensor(&handle)) settle(L_, index);
  if (is_gone(&handle)) refuse(place, fmt::format("is {}", gone_text));
  switch (handle.kind) {
    case Handle::value:
    case Handle::constant: return handle.held;
    case Handle::error: refuse(place, "is an error; give its message");
    case Handle::method:
    case Handle::model: return read_function(index, place);
    case Handle::task: break;
  }
  refuse(place, "is no value");
}

mrun_value Reader::read_function(int index, const Place *place) {
  if (functions_ == nullptr) {
    refuse(place, lua_type(L_, index) == LUA_TFUNCTION ? "is a function; f() is what it gives, of a method t:NAME()"
                                                       : "is a model or one of its methods");
  }
  mrun_value v{};
  v.kind = MRUN_FUNCTION;
  functions_->made.push_back(functions_->make(L_, index));
  v.as.function = functions_->made.back().get();
  return v;
}

bool Reader::is_keywords(int index) const {
  if (const Handle *handle = handle_at(L_, index, Handle::constant)) {
    return handle->held.kind == MRUN_MAP && handle->held.as.map.size > 0;
  }
  if (lua_type(L_, index) != LUA_TTABLE || lua_objlen(L_, index) > 0) return false;
  lua_pushnil(L_);
  if (lua_next(L_, index) == 0) return false;
  const bool string_key = lua_type(L_, -2) == LUA_TSTRING;
  lua_pop(L_, 2);
  return string_key && !is_json_object(L_, index);
}

mrun_value Reader::read_table(int index, Place *outer) {
  // Once for all levels: below, nothing raises a Lua error.
  if (outer == nullptr) want_stack(L_, 4 * most_levels + 8, "tables");
  int level = 1;
  const void *address = lua_topointer(L_, index);
  for (const Place *p = outer; p != nullptr; p = p->outer, ++level) {
    if (p->address == address) refuse(outer, "is a table that contains itself");
  }
  if (level > most_levels) refuse(outer, fmt::format("more than {} levels of tables", most_levels));
  Place here{outer, index, address, mrun_value{}};
  const bool frozen = push_frozen(L_, index);
  if (frozen) here.table = index = lua_gettop(L_);
  const size_t size = lua_objlen(L_, index);
  const mrun_value v = size > 0 ? read_list(index, size, here) : read_map(index, here);
  if (frozen) lua_pop(L_, 1);
  return v;
}

void Reader::refuse_hole(int index, const Place *place) const {
  int first = 1;
  for (lua_rawgeti(L_, index, first); !lua_isnil(L_, -1); lua_rawgeti(L_, index, ++first)) lua_pop(L_, 1);
  refuse(place, fmt::format("is a list with holes, the first at {}; json.null stands for nothing, and a map's keys are "
                            "strings",
                            first));
}

mrun_value Reader::read_list(int index, size_t size, Place &here) {
  if (size > most_nodes) refuse(&here, fmt::format("more than {} values", most_nodes));
  auto *items = vm_.arena.make<mrun_value>(size);
  std::fill_n(items, size, mrun_value{});
  size_t found = 0;
  lua_pushnil(L_);
  // All keys, not 1 to size: one beside them would be lost without a word.
  while (lua_next(L_, index) != 0) {
    const double key = lua_type(L_, -2) == LUA_TNUMBER ? lua_tonumber(L_, -2) : 0;
    if (!(key >= 1 && key <= static_cast<double>(size)) || key != std::floor(key)) {
      here.key = {};
      if (key > static_cast<double>(size)) refuse_hole(index, here.outer);
      refuse(here.outer,
             fmt::format("is a table with keys 1 to {} and others; it can be a list or a map, not both", size));
    }
    here.key.kind = MRUN_FLOAT;
    here.key.as.number = key;
    count_node(&here);
    items[static_cast<size_t>(key) - 1] = read(lua_gettop(L_), &here);
    lua_pop(L_, 1);
    ++found;
  }
  here.key = {};
  if (found != size) refuse_hole(index, here.outer);
  mrun_value v{};
  v.kind = MRUN_LIST;
  v.as.list = {items, size};
  return v;
}

mrun_value Reader::read_map(int index, Place &here) {
  size_t size = 0;
  for (lua_pushnil(L_); lua_next(L_, index) != 0; lua_pop(L_, 1)) {
    if (lua_type(L_, -2) != LUA_TSTRING) {
      refuse(
          here.outer,
          fmt::format("is a table whose keys are neither 1 to n nor all strings: {} is one; a map's keys are strings",
                      describe_lua(L_, -2)));
    }
    ++size;
  }
  mrun_value v{};
  if (size == 0 && !is_json_object(L_, index) && !has_metatable(L_, index, vm_.anchors.guarded_map)) {
    v.kind = MRUN_LIST;
    return v;
  }
  auto *entries = vm_.arena.make<mrun_entry>(size);
  size_t n = 0;
  lua_pushnil(L_);
  while (lua_next(L_, index) != 0) {
    mrun_entry &e = entries[n++];
    here.key = {};
    const mrun_value key = read_string(-2, &here);
    e.key = {key.as.string.data, key.as.string.size};
    here.key = key;
    count_node(&here);
    e.value = read(lua_gettop(L_), &here);
    lua_pop(L_, 1);
  }
  // By key: a map's entries are in order (value.h), and so equal for tables that were filled in another one.
  std::sort(entries, entries + size, [this, compared = 0](const mrun_entry &a, const mrun_entry &b) mutable {
    if (++compared % poll_values == 0) poll(L_);
    return std::string_view(a.key.data, a.key.size) < std::string_view(b.key.data, b.key.size);
  });
  v.kind = MRUN_MAP;
  v.as.map = {entries, size};
  return v;
}

Given read_arguments(lua_State *L, Reader &reader, int first) {
  int count = lua_gettop(L) - first + 1;
  Given given;
  if (count <= 0) return given;
  const int last = first + count - 1;
  if (reader.is_keywords(last)) {  // or an argument, where the schema wants a map there: Arguments decides
    given.keywords = reader.read(last);
    --count;
  }
  auto *values = vm_of(L).arena.make<mrun_value>(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) values[i] = reader.read(first + i);
  given.positional = {values, static_cast<size_t>(count)};
  return given;
}

// Copied while Lua's values stand: what the Reader gives is borrowed from them.
Value to_value(lua_State *L, int index, const char *what, mrun_code code) {
  const Arena::Scope scope(vm_of(L).arena);
  Reader reader(L, what, code, nullptr, true);
  const mrun_value v = reader.read(index);
  check_shareable(v, what, code);
  return Value::copy(v);
}

void push_value(lua_State *L, const mrun_value &v, bool readonly) {
  luaL_checkstack(L, 6, "a value has too many levels");
  switch (v.kind) {
    case MRUN_BOOL: lua_pushboolean(L, v.as.boolean); break;
    case MRUN_INT:
      if (v.as.integer > static_cast<int64_t>(exact_int) || v.as.integer < -static_cast<int64_t>(exact_int)) {
        fail(MRUN_SCRIPT, "the integer {} is beyond 2^53: a Lua number cannot hold it exactly", v.as.integer);
      }
      lua_pushnumber(L, static_cast<double>(v.as.integer));
      break;
    case MRUN_FLOAT: lua_pushnumber(L, v.as.number); break;
    case MRUN_STRING: lua_pushlstring(L, v.as.string.data, v.as.string.size); break;
    case MRUN_TENSOR: push_tensor(L, v, readonly); break;
    case MRUN_LIST: push_list(L, v, readonly); break;
    case MRUN_MAP: push_map(L, v, readonly); break;
    case MRUN_OBJECT: push_object(L, v); break;
    default: lua_pushnil(L);
  }
}

void push_value(lua_State *L, Value &&v) {
  if (!v.is_tensor()) return push_value(L, v.c());
  luaL_checkstack(L, 6, "a value has too many levels");
  push_tensor(L, std::move(v));
}

}  // namespace mrun
