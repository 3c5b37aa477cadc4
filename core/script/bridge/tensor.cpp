// Tensors in Lua: shape, views and elements, as PyTorch has them. Everything else comes from a plugin's module, which is
// loaded when a script first asks for it.
#include "script/bridge/tensor.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "script/bridge/element.h"
#include "script/vm/arguments.h"
#include "script/vm/errors.h"
#include "script/vm/hook.h"
#include "script/vm/idioms.h"
#include "script/vm/input_handles.h"
#include "value/dlpack.h"

namespace mrun {
namespace {

const Tensor &tensor_at(lua_State *L, int index, const char *function) {
  const Handle *handle = handle_at(L, index);
  if (!is_tensor(handle)) fail(MRUN_ARGUMENT, "{}: want a tensor, got {}", function, describe_lua(L, index));
  return reinterpret_cast<const Tensor &>(handle->held);
}

// A position from Lua: from 0, negative from the end.
int64_t position(lua_State *L, int index, int64_t size, const char *function, int32_t dim) {
  const double given = want_number(L, index, function, "position");
  const double at = given < 0 ? given + static_cast<double>(size) : given;
  if (at != std::floor(at) || !(at >= 0 && at < static_cast<double>(size))) {
    fail(MRUN_ARGUMENT, "{}: position {} is not in dimension {} of size {} (positions count from 0)", function, given,
         dim, size);
  }
  return static_cast<int64_t>(at);
}

int32_t dimension(lua_State *L, int index, const Tensor &t, const char *function) {
  const int64_t given = want_int(L, index, function, "dim");
  const int64_t d = given < 0 ? given + t.dim() : given;
  if (d < 0 || d >= t.dim())
    fail(MRUN_ARGUMENT, "{}: dim: {} is not a dimension of {}", function, given, describe(t.c()));
  return static_cast<int32_t>(d);
}

// What reads elements wants them here: replaces a tensor of another device by a copy.
const Tensor &on_cpu(lua_State *L, const char *function) {
  const Tensor &t = tensor_at(L, 1, function);
  if (t.on_cpu()) return t;
  lua_getfield(L, 1, "cpu");
  lua_pushvalue(L, 1);
  lua_call(L, 1, 1);
  lua_replace(L, 1);
  return tensor_at(L, 1, function);
}

const char *element_at(const Tensor &t, int64_t position) {
  const DLTensor &dl = t.dl();
  const int64_t step = dl.strides != nullptr ? dl.strides[0] : 1;
  return t.data<const char>() + position * step * static_cast<int64_t>(item_size(dl.dtype));
}

// t[i]
int element(lua_State *L, const Tensor &given) {
  if (given.dim() == 0) fail(MRUN_ARGUMENT, "a tensor without dimensions has no positions: item() is its number");
  const int64_t at = position(L, 2, given.size(0), "t[i]", 0);
  if (given.dim() == 1) {
    const Tensor &t = on_cpu(L, "t[i]");
    push_element(L, t.dtype(), element_at(t, at));
  } else {
    const Shape shape = given.shape(), strides = given.strides();
    const Tensor row = given.view(std::span(shape).subspan(1), std::span(strides).subspan(1), at * strides[0]);
    push_tensor(L, row.c());
  }
  return 1;
}

// ---- at: one argument a dimension: a position, {} or {start, stop, step}

struct Slice {
  int64_t start, count, step;
};

int64_t clamp(double given, int64_t size) {
  const double at = given < 0 ? given + static_cast<double>(size) : given;
  return static_cast<int64_t>(std::clamp(at, 0.0, static_cast<double>(size)));
}

// A table with nothing but what slice_at reads, or such a list of the params.
bool is_slice(lua_State *L, int index) {
  if (const Handle *list = handle_at(L, index, Handle::constant)) {
    return list->held.kind == MRUN_LIST && list->held.as.list.size <= 3;
  }
  if (lua_type(L, index) != LUA_TTABLE) return false;
  for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1)) {
    const double key = lua_type(L, -2) == LUA_TNUMBER ? lua_tonumber(L, -2) : 0;
    if (key == 1 || key == 2 || key == 3) continue;
    lua_pop(L, 2);
    return false;
  }
  return true;
}

Slice slice_at(lua_State *L, int index, int64_t size) {
  double bounds[3] = {0, static_cast<double>(size), 1};
  for (int i = 0; i < 3; ++i) {
    lua_pushinteger(L, i + 1);
    lua_gettable(L, index);
    if (!lua_isnil(L, -1)) bounds[i] = static_cast<double>(want_int(L, lua_gettop(L), "at", "slice"));
    lua_pop(L, 1);
  }
  const int64_t start = clamp(bounds[0], size), stop = clamp(bounds[1], size);
  if (!(bounds[2] >= 1)) fail(MRUN_ARGUMENT, "at: a slice's step must be at least 1, got {}", bounds[2]);
  const auto step = static_cast<int64_t>(bounds[2]);
  const int64_t count = stop > start ? (stop - start - 1) / step + 1 : 0;
  return {start, count, count > 1 ? step : 1};  // one that leads nowhere may be too large to multiply
}

int at(lua_State *L, Vm &) {
  const Tensor &t = tensor_at(L, 1, "at");
  const int given = lua_gettop(L) - 1;
  if (given > t.dim()) fail(MRUN_ARGUMENT, "at: {} positions for {}", given, describe(t.c()));
  const Shape strides = t.strides();
  Shape shape, steps;
  int64_t offset = 0;
  for (int32_t d = 0; d < t.dim(); ++d) {
    const int64_t step = strides[static_cast<size_t>(d)];
    if (d >= given) {
      shape.push_back(t.size(d));
      steps.push_back(step);
    } else if (lua_type(L, d + 2) == LUA_TNUMBER) {
      offset += position(L, d + 2, t.size(d), "at", d) * step;
    } else if (is_slice(L, d + 2)) {
      const Slice s = slice_at(L, d + 2, t.size(d));
      if (s.count > 0) offset += s.start * step;
      shape.push_back(s.count);
      steps.push_back(step * s.step);
    } else {
      fail(MRUN_ARGUMENT, "at: want a position or {{start, stop, step}} for dimension {}, got {}{}", d,
           describe_lua(L, d + 2), lua_type(L, d + 2) == LUA_TTABLE ? " with other keys than 1, 2 and 3" : "");
    }
  }
  push_tensor(L, t.view(shape, steps, offset).c());
  return 1;
}

// ---- shape and elements

int shape(lua_State *L, Vm &) {
  const Tensor &t = tensor_at(L, 1, "shape");
  want_stack(L, t.dim() + 1, "too many dimensions");
  for (int32_t i = 0; i < t.dim(); ++i) lua_pushnumber(L, static_cast<double>(t.size(i)));
  return t.dim();
}

int size(lua_State *L, Vm &vm) {
  const Tensor &t = tensor_at(L, 1, "size");
  if (lua_istable(L, 2)) {  // t:size({dim = 1})
    lua_getfield(L, 2, "dim");
    if (!lua_isnil(L, -1)) lua_replace(L, 2);
    lua_settop(L, 2);
  }
  if (lua_isnoneornil(L, 2)) return shape(L, vm);
  lua_pushnumber(L, static_cast<double>(t.size(dimension(L, 2, t, "size"))));
  return 1;
}

int dim(lua_State *L, Vm &) {
  lua_pushinteger(L, tensor_at(L, 1, "dim").dim());
  return 1;
}

int numel(lua_State *L, Vm &) {
  lua_pushnumber(L, static_cast<double>(tensor_at(L, 1, "numel").numel()));
  return 1;
}

int item(lua_State *L, Vm &) {
  const Tensor &t = on_cpu(L, "item");
  if (t.numel() != 1) fail(MRUN_ARGUMENT, "item: want a tensor of one element, got {}", describe(t.c()));
  push_element(L, t.dtype(), t.data());
  return 1;
}

constexpr int64_t poll_elements = 1 << 13;  // elements

void push_nested_list(lua_State *L, const Tensor &t, const Shape &strides, const char *data, int32_t d) {
  if (d == t.dim()) return push_element(L, t.dtype(), data);
  want_stack(L, 3, "too many dimensions");
  const int64_t step = strides[static_cast<size_t>(d)] * static_cast<int64_t>(item_size(t.dtype()));
  lua_createtable(L, static_cast<int>(t.size(d)), 0);
  for (int64_t i = 0; i < t.size(d); ++i) {
    if ((i + 1) % poll_elements == 0) poll(L);
    push_nested_list(L, t, strides, data + i * step, d + 1);
    lua_rawseti(L, -2, static_cast<int>(i + 1));
  }
}

int tolist(lua_State *L, Vm &) {
  const Tensor &t = on_cpu(L, "tolist");
  if (t.numel() > 1 << 26) fail(MRUN_ARGUMENT, "tolist: {} has too many elements for a Lua table", describe(t.c()));
  push_nested_list(L, t, t.strides(), t.data<const char>(), 0);
  return 1;
}

int media_type(lua_State *L, Vm &) {
  const std::string_view type = tensor_at(L, 1, "media_type").media_type();
  if (type.empty()) return 0;
  lua_pushlstring(L, type.data(), type.size());
  return 1;
}

// ---- what a plugin's module adds

constexpr const char *operators[] = {"__add", "__sub", "__mul", "__div", "__mod", "__pow", "__unm", "__lt", "__le"};

void load_tensor_module(lua_State *L, const Vm &vm) {
  vm.push_tensor_module(L);
  lua_pop(L, 1);
}

// A method or nil, at the top.
void push_tensor_method(lua_State *L, const Vm &vm, int name) {
  push_anchor(L, vm.anchors.tensor_methods);
  lua_pushvalue(L, name);
  lua_rawget(L, -2);
  lua_remove(L, -2);
}

// t[positions], t[mask]: rows, which the module of tensors' methods takes.
int rows(lua_State *L, const Vm &vm) {
  lua_settop(L, 2);
  load_tensor_module(L, vm);
  lua_pushliteral(L, "[]");
  push_tensor_method(L, vm, 3);
  if (lua_isnil(L, -1)) fail(MRUN_ARGUMENT, "t[i]: this bundle's module torch takes no rows by {}", describe_lua(L, 2));
  lua_replace(L, 3);
  lua_insert(L, 1);
  lua_call(L, 2, 1);
  return 1;
}

int index(lua_State *L, Vm &vm) {
  const Tensor &t = tensor_at(L, 1, "a tensor's field");
  if (lua_type(L, 2) == LUA_TNUMBER) return element(L, t);
  if (is_tensor(handle_at(L, 2))) return rows(L, vm);
  if (lua_type(L, 2) != LUA_TSTRING) {
    fail(MRUN_ARGUMENT, "t[i]: want a position, or a tensor of positions (int64) or a mask (bool), got {}{}",
         describe_lua(L, 2),
         lua_type(L, 2) == LUA_TTABLE ? "; torch.tensor(list, {dtype = \"int64\"}) makes one of a list" : "");
  }
  push_tensor_method(L, vm, 2);
  if (!lua_isnil(L, -1)) return 1;
  const std::string_view name = want_string(L, 2, "a tensor", "field");
  if (name == "dtype") {
    lua_pushstring(L, dtype_name(t.dtype()));
    return 1;
  }
  if (name == "device") {
    lua_pushstring(L, device_name(t.dl().device).c_str());
    return 1;
  }
  load_tensor_module(L, vm);
  push_tensor_method(L, vm, 2);
  if (!lua_isnil(L, -1)) return 1;
  push_anchor(L, vm.anchors.tensor_methods);
  std::vector<std::string> names{"dtype", "device"};
  for (lua_pushnil(L); lua_next(L, -2) != 0; lua_pop(L, 1)) {
    if (lua_type(L, -2) == LUA_TSTRING) names.emplace_back(lua_tostring(L, -2));
  }
  const std::string meant = name.find(':') == std::string::npos ? idiom("tensor", name) : "; a range is t:at({1, 3})";
  fail(MRUN_SCRIPT, "a tensor has no method {}{}", printable(name, 60),
       meant.empty() ? did_you_mean(name, names) : meant);
}

int set_element(lua_State *L, Vm &) {
  const Tensor &t = tensor_at(L, 1, "t[i] = v");
  if (lua_type(L, 2) != LUA_TNUMBER) {
    fail(MRUN_ARGUMENT, "t[k] = v: want a position, got {}{}", describe_lua(L, 2),
         is_tensor(handle_at(L, 2)) ? "; masked_fill_, index_fill_ and index_copy_ write many elements" : "");
  }
  if (t.readonly()) {
    fail(MRUN_ARGUMENT,
         "t[i] = v: this tensor is read-only (it belongs to the input, an asset, the params or a context); clone it "
         "first");
  }
  if (t.dim() != 1) {
    fail(MRUN_ARGUMENT,
         "t[i] = v: want a tensor of one dimension, got {}; t[i][j] = v writes an element, t[i]:fill_(v) or "
         "t[i]:copy_(u) a row",
         describe(t.c()));
  }
  if (!t.on_cpu()) fail(MRUN_ARGUMENT, "t[i] = v: the tensor is on {}", device_name(t.dl().device));
  const int64_t at = position(L, 2, t.size(0), "t[i] = v", 0);
  write_element(L, 3, t.dtype(), const_cast<char *>(element_at(t, at)));
  return 0;
}

int text(lua_State *L, Vm &) {
  const Tensor &t = tensor_at(L, 1, "tostring");
  const std::string s = fmt::format("tensor {} {}{}", dtype_name(t.dtype()), shape_text(t.shape()),
                                    t.on_cpu() ? "" : " on " + device_name(t.dl().device));
  lua_pushlstring(L, s.data(), s.size());
  return 1;
}

int length(lua_State *L, Vm &) {
  fail(MRUN_SCRIPT, "a tensor has no #: t:size(0) is its first dimension ({})", describe(tensor_at(L, 1, "#").c()));
}

// An operator before that module is there; upvalue 1: its name.
int first_operator(lua_State *L, Vm &vm) {
  lua_settop(L, 2);
  load_tensor_module(L, vm);
  push_anchor(L, vm.anchors.tensor);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_rawget(L, -2);
  if (lua_tocfunction(L, -1) == function<first_operator>) {
    fail(MRUN_SCRIPT, "the module of tensors' methods has no operator {}", lua_tostring(L, lua_upvalueindex(1)));
  }
  lua_insert(L, 1);
  lua_pop(L, 1);
  lua_call(L, 2, 1);
  return 1;
}

bool is_operator(std::string_view name) {
  return std::find(std::begin(operators), std::end(operators), name) != std::end(operators);
}

}  // namespace

// Mapped memory is nobody's allocation; what a script can write, or made, is counted.
void count_tensor(Vm &vm, Handle &handle) {
  const bool own = (handle.held.flags & MRUN_READONLY) == 0;
  count_native(vm, handle, own ? memory_range(handle.held.as.tensor.dl->dl_tensor, "a tensor").bytes() : 0);
}

void push_tensor(lua_State *L, Value v, bool readonly) {
  Vm &vm = vm_of(L);
  Handle &handle = push_handle(L, Handle::value, vm.anchors.tensor);
  handle.held = v.release();
  if (readonly) handle.held.flags |= MRUN_READONLY;
  count_tensor(vm, handle);
  note_input(handle, vm.item());
}

void open_tensors(lua_State *L) {
  begin_metatable(L);
  static const luaL_Reg entries[] = {{"__index", function<index>},
                                     {"__newindex", function<set_element>},
                                     {"__len", function<length>},
                                     {"__tostring", function<text>},
                                     {nullptr, nullptr}};
  luaL_register(L, nullptr, entries);
  for (const char *name : operators) {
    lua_pushstring(L, name);
    lua_pushcclosure(L, function<first_operator>, 1);
    lua_setfield(L, -2, name);
  }
  vm_of(L).anchors.tensor = anchor(L);
  lua_newtable(L);
  static const luaL_Reg methods[] = {{"shape", function<shape>}, {"size", function<size>},
                                     {"dim", function<dim>},     {"numel", function<numel>},
                                     {"item", function<item>},   {"tolist", function<tolist>},
                                     {"at", function<at>},       {"media_type", function<media_type>},
                                     {nullptr, nullptr}};
  luaL_register(L, nullptr, methods);
  vm_of(L).anchors.tensor_methods = anchor(L);
}

// The core's own methods are the script interface.
void set_tensor_methods(lua_State *L, int table) {
  const Vm &vm = vm_of(L);
  push_anchor(L, vm.anchors.tensor);
  push_anchor(L, vm.anchors.tensor_methods);
  const int metatable = lua_gettop(L) - 1, methods = metatable + 1;
  for (lua_pushnil(L); lua_next(L, table) != 0; lua_pop(L, 1)) {
    const std::string_view name = want_string(L, lua_gettop(L) - 1, "native.methods", "a method's name");
    lua_pushvalue(L, -2);
    lua_pushvalue(L, -2);
    if (is_operator(name)) {
      lua_rawset(L, metatable);
    } else if (name.starts_with("__")) {
      fail(MRUN_ARGUMENT, "native.methods: {} cannot be set", name);
    } else {
      lua_pushvalue(L, -2);
      lua_rawget(L, methods);
      // A C function: the core's own, or an operation that came first.
      const bool known = lua_tocfunction(L, -1) != nullptr;
      lua_pop(L, 1);
      if (known) {
        lua_pop(L, 2);
      } else {
        lua_rawset(L, methods);
      }
    }
  }
  lua_settop(L, metatable - 1);
}

}  // namespace mrun
