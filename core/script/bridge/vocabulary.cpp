// bundle.vocab: lines of an asset and their numbers, from 0, as an object that all states share.
#include "script/bridge/vocabulary.h"

#include <algorithm>
#include <unordered_map>

#include "script/vm/arguments.h"
#include "script/vm/errors.h"
#include "script/vm/handle.h"

namespace mrun {
namespace {

struct Vocabulary {
  Tensor text;  // the lines lie in it
  std::unordered_map<std::string_view, size_t> numbers;
  size_t lines = 0;
};

const mrun_type vocabulary_type = {sizeof(mrun_type),
                                   MRUN_TYPE_SHAREABLE,
                                   "core.Vocabulary",
                                   "The lines of an asset and their numbers.",
                                   [](void *self) { delete static_cast<Vocabulary *>(self); },
                                   nullptr};

const Vocabulary &vocabulary_at(lua_State *L, int index) {
  return *static_cast<const Vocabulary *>(handle_at(L, index)->held.as.object->self);
}

int number_of(lua_State *L, Vm &) {
  const Vocabulary &v = vocabulary_at(L, 1);
  if (lua_type(L, 2) != LUA_TSTRING) return 0;
  const auto found = v.numbers.find(want_string(L, 2, "vocab", "line"));
  if (found == v.numbers.end()) return 0;
  lua_pushnumber(L, static_cast<double>(found->second));
  return 1;
}

int vocabulary_length(lua_State *L, Vm &) {
  lua_pushnumber(L, static_cast<double>(vocabulary_at(L, 1).lines));
  return 1;
}

int set_vocabulary(lua_State *, Vm &) { fail(MRUN_SCRIPT, "a vocabulary is read-only"); }

}  // namespace

void each_line(std::string_view text, const std::function<void(std::string_view)> &line) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view one = text.substr(0, end);
    if (one.ends_with('\r')) one.remove_suffix(1);
    line(one);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

Value make_vocabulary(const Tensor &text) {
  auto v = std::make_unique<Vocabulary>();
  v->text = text;
  each_line(v->text.bytes(), [&](std::string_view line) { v->numbers.try_emplace(line, v->lines++); });
  return object_value(&vocabulary_type, v.release());
}

void open_vocabularies(lua_State *L) {
  push_anchor(L, vm_of(L).anchors.object_types);
  lua_pushlightuserdata(L, const_cast<mrun_type *>(&vocabulary_type));
  begin_metatable(L);
  static const luaL_Reg entries[] = {{"__index", function<number_of>},
                                     {"__newindex", function<set_vocabulary>},
                                     {"__len", function<vocabulary_length>},
                                     {nullptr, nullptr}};
  luaL_register(L, nullptr, entries);
  lua_rawset(L, -3);
  lua_pop(L, 1);
}

}  // namespace mrun
