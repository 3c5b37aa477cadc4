// Lua values <-> Values.
//
// A table becomes a list (keys 1..n, or none) or a map (string keys, or made by json.object); mixed keys, holes, cycles
// and more than 100 levels are errors that name the place. json.null stands for nil inside lists and maps. Numbers are
// doubles; an int64 from native code beyond 2^53 is refused, never rounded.
#pragma once
#include <memory>
#include <vector>

#include "script/vm/arguments.h"
#include "script/vm/handle.h"

namespace mrun {

inline constexpr int most_levels = 100;

// Reads values without copying: strings, tensors and objects are borrowed from Lua, arrays live in the state's arena.
// What it gives is valid while the Lua values stand and the Arena::Scope that its user made lives.
class Reader {
 public:
  // Takes what Lua functions and model methods become.
  struct Functions {
    std::unique_ptr<mrun_function> (*make)(lua_State *, int index) = nullptr;
    std::vector<std::unique_ptr<mrun_function>> made;
  };
  // what: begins the place in errors ("answer"). code: of errors. functions: null refuses them.
  // settled: objects that stand for tensors become them (a native operation takes them as they are).
  Reader(lua_State *, const char *what, mrun_code code = MRUN_SCRIPT, Functions *functions = nullptr,
         bool settled = false);
  mrun_value read(int index) { return read(index, nullptr); }
  // A table whose keys are all strings, and there is one; json.object{} excepted.
  bool is_keywords(int index) const;

 private:
  struct Place {
    const Place *outer;
    int table;  // its index in the stack
    const void *address;
    mrun_value key;  // a string, or a number from 1
  };
  mrun_value read(int index, Place *);
  mrun_value read_string(int index, const Place *);
  mrun_value read_userdata(int index, const Place *);
  mrun_value read_table(int index, Place *outer);
  mrun_value read_list(int index, size_t size, Place &);
  mrun_value read_map(int index, Place &);
  mrun_value read_function(int index, const Place *);
  void count_node(const Place *);
  [[noreturn]] void refuse(const Place *, const std::string &problem) const;
  [[noreturn]] void refuse_hole(int index, const Place *) const;

  lua_State *L_;
  Vm &vm_;
  const char *what_;
  mrun_code code_;
  Functions *functions_;
  const bool settled_;
  size_t nodes_ = 0;
  int64_t bytes_ = 0;  // of strings and keys
};

// A call's arguments as borrowed values; a last table with string keys is given as keywords. They live as long as the
// Arena::Scope.
struct Given {
  std::span<const mrun_value> positional;
  mrun_value keywords{};
};
Given read_arguments(lua_State *, Reader &, int first);

// An owned copy, fit to leave the state: no functions, only objects that may be shared.
Value to_value(lua_State *, int index, const char *what, mrun_code code = MRUN_SCRIPT);
// readonly: tensors in it are flagged.
void push_value(lua_State *, const mrun_value &, bool readonly = false);
inline void push_value(lua_State *L, const Value &v, bool readonly = false) { push_value(L, v.c(), readonly); }
void push_value(lua_State *, Value &&);

void open_convert(lua_State *);

// Tables that the core makes refuse a tensor as a key: it is nobody's key, so what is meant is its number.
inline constexpr const char *no_item_0 =
    "list[0]: a list counts from 1, a tensor's positions from 0: list[position + 1]";
void guard_list(lua_State *);  // the table on top of the stack, which has no metatable
void guard_map(lua_State *);   // likewise; it stays a map when all its keys are taken out
bool is_guarded(lua_State *, int index);

bool is_json_object(lua_State *, int index);  // made by json.object, or an empty map of the core's

}  // namespace mrun
