// Lua values <-> Values.
//
// A table becomes a list (keys 1..n, or none) or a map (string keys, or made by json.object); mixed keys, holes, cycles
// and more than 100 levels are errors that name the place. json.null stands for nil inside lists and maps. Numbers are
// doubles; an int64 from native code beyond 2^53 is refused, never rounded.
#pragma once
#include <memory>
#include <vector>

#include "script/handle.h"

namespace mrun {

inline constexpr double exact_int = 9007199254740992.0;  // 2^53
inline constexpr int most_levels = 100;

// Reads values without copying: strings, tensors and objects are borrowed from Lua, arrays live in the host's arena.
// What it gives is valid while the Lua values stand and the Arena::Scope that its user made lives.
class Reader {
 public:
  using Functions = std::vector<std::unique_ptr<mrun_function>>;
  // what: begins the place in errors ("answer"). code: of errors. functions: takes what Lua functions and model methods
  // become; null: they are refused.
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

  lua_State *L_;
  Host &h_;
  const char *what_;
  mrun_code code_;
  Functions *functions_;
  const bool settled_;
  size_t nodes_ = 0;
};

// An owned copy, fit to leave the state: no functions, only objects that may be shared.
Value to_value(lua_State *, int index, const char *what, mrun_code code = MRUN_SCRIPT);
// readonly: tensors in it are flagged.
void push_value(lua_State *, const mrun_value &, bool readonly = false);
inline void push_value(lua_State *L, const Value &v, bool readonly = false) { push_value(L, v.c(), readonly); }

bool is_json_null(lua_State *, int index);
void push_json_null(lua_State *);

// Arguments of the core's own functions. They throw ARGUMENT: "json.decode: text: want a string, got nil".
std::string_view want_string(lua_State *, int index, const char *function, const char *name);
double want_number(lua_State *, int index, const char *function, const char *name);
int64_t want_int(lua_State *, int index, const char *function, const char *name);
std::string describe_lua(lua_State *, int index);  // "a table", "the number 3", "nil"

}  // namespace mrun
