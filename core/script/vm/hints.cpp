#include "script/vm/hints.h"

#include <algorithm>

#include "base/text.h"
#include "plugin/registry.h"
#include "script/vm/arguments.h"
#include "script/vm/fiber.h"
#include "script/vm/frozen.h"
#include "script/vm/handle.h"
#include "script/vm/idioms.h"
#include "script/vm/vm.h"

namespace mrun {
namespace {

bool in_identifier(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

std::string_view name_at(std::string_view text, size_t at) {
  size_t end = at;
  while (end < text.size() && in_identifier(text[end])) ++end;
  return text.substr(at, end - at);
}

// Calls each(owner, field) for every `owner.field` in a line of a script.
template <class F>
void each_field(std::string_view line, F &&each) {
  for (size_t dot = line.find('.'); dot != std::string_view::npos; dot = line.find('.', dot + 1)) {
    size_t begin = dot;
    while (begin > 0 && in_identifier(line[begin - 1])) --begin;
    const std::string_view field = name_at(line, dot + 1);
    if (begin < dot && !field.empty()) each(line.substr(begin, dot - begin), field);
  }
}

bool has_field(lua_State *L, int table, std::string_view name) {
  lua_pushlstring(L, name.data(), name.size());
  lua_rawget(L, table);
  const bool has = !lua_isnil(L, -1);
  lua_pop(L, 1);
  return has;
}

// "math.max" of the function at `index`, "" of one that is in no library.
std::string library_name(lua_State *L, int index) {
  const int top = lua_gettop(L);
  std::string name;
  push_anchor(L, vm_of(L).anchors.globals);
  const int globals = lua_gettop(L);
  const auto look = [&](int table, const std::string &prefix) {
    for (lua_pushnil(L); name.empty() && lua_next(L, table) != 0; lua_pop(L, 1)) {
      if (lua_type(L, -2) == LUA_TSTRING && lua_rawequal(L, -1, index) != 0) name = prefix + lua_tostring(L, -2);
    }
    lua_settop(L, table);
  };
  for (const char *library : {"math", "string", "table", "bit", "coroutine"}) {
    lua_pushstring(L, library);
    lua_rawget(L, globals);
    if (name.empty() && push_frozen(L, -1)) look(lua_gettop(L), std::string(library) + ".");
    lua_settop(L, globals);
  }
  if (name.empty()) look(globals, "");
  lua_settop(L, top);
  return name;
}

// Of a module or library called `owner`: that it has no such field.
std::string module_hint(lua_State *L, const Vm &vm, std::string_view owner, std::string_view field) {
  const int top = lua_gettop(L);
  std::string hint;
  for (const int place : {vm.anchors.modules, vm.anchors.globals}) {
    push_anchor(L, place);
    lua_pushlstring(L, owner.data(), owner.size());
    lua_rawget(L, -2);
    if (!push_frozen(L, -1)) continue;
    const int table = lua_gettop(L);
    if (has_field(L, table, field)) break;
    std::vector<std::string> names;
    for (lua_pushnil(L); lua_next(L, table) != 0; lua_pop(L, 1)) {
      if (lua_type(L, -2) == LUA_TSTRING) names.emplace_back(lua_tostring(L, -2));
    }
    std::string meant = idiom(owner, field);
    if (meant.empty()) meant = did_you_mean(std::string(field), names);
    hint = fmt::format("; {} has no {}{}", owner, printable(field, 60), meant);
    break;
  }
  lua_settop(L, top);
  return hint;
}

std::string params_hint(const Vm &vm, std::string_view field) {
  if (!vm.options.params.is_map() || vm.options.params.find(field) != nullptr) return "";
  std::vector<std::string> names;
  for (const Entry &e : vm.options.params.as_map()) names.emplace_back(e.key());
  return fmt::format("; params has no {}{}", printable(field, 60), did_you_mean(std::string(field), names));
}

// What stands between the first pair of quotes behind `mark`.
std::string_view quoted(std::string_view message, std::string_view mark) {
  const size_t at = message.find(mark);
  if (at == std::string_view::npos) return "";
  const size_t begin = message.find('\'', at);
  const size_t end = begin == std::string_view::npos ? begin : message.find('\'', begin + 1);
  return end == std::string_view::npos ? "" : message.substr(begin + 1, end - begin - 1);
}

// ---- the function that failed, whose frame is still there

bool has_failed(lua_State *co) { return lua_status(co) > LUA_YIELD; }

// Pushes the value of slot `i` of its frame on L.
bool push_slot(lua_State *L, lua_State *co, const lua_Debug &frame, int i) {
  if (lua_getlocal(co, &frame, i) == nullptr) return false;
  lua_xmove(co, L, 1);
  return true;
}

// Pushes its argument or upvalue of that name on L. The innermost frame no longer knows where it stood, so that other
// variables have no names.
bool push_variable(lua_State *L, lua_State *co, std::string_view name) {
  lua_Debug frame;
  if (!has_failed(co) || lua_getstack(co, 0, &frame) == 0 || lua_checkstack(co, 4) == 0) return false;
  if (lua_getinfo(co, "Sf", &frame) == 0) return false;
  const int function = lua_gettop(co);
  bool found = false;
  for (int i = 1; !found && *frame.what != 'C'; ++i) {
    lua_pushvalue(co, function);
    const char *argument = lua_getlocal(co, nullptr, i);
    lua_settop(co, function);
    if (argument == nullptr) break;
    found = name == argument && push_slot(L, co, frame, i);
  }
  for (int i = 1; !found; ++i) {
    const char *upvalue = lua_getupvalue(co, function, i);
    if (upvalue == nullptr) break;
    found = name == upvalue;
    if (found) lua_xmove(co, L, 1);
    lua_settop(co, function);
  }
  lua_settop(co, function - 1);
  return found;
}

// The name right before `:method` or `.field` in a line.
std::string_view owner_of(std::string_view line, char mark, std::string_view name) {
  for (size_t at = line.find(mark); at != std::string_view::npos; at = line.find(mark, at + 1)) {
    if (name_at(line, at + 1) != name) continue;
    size_t begin = at;
    while (begin > 0 && in_identifier(line[begin - 1])) --begin;
    if (begin < at) return line.substr(begin, at - begin);
  }
  return "";
}

// What lies on top of L's stack, and what its kind has for `name`.
std::string kind_hint(lua_State *L, std::string_view owner, std::string_view name) {
  switch (lua_type(L, -1)) {
    case LUA_TSTRING: return fmt::format("; {} is a string{}", owner, idiom("string", name));
    case LUA_TNUMBER: return fmt::format("; {} is {}", owner, describe_lua(L, -1));
    case LUA_TTABLE: {
      const size_t size = lua_objlen(L, -1);
      const std::string meant = idiom("list", name);
      if (size == 0) return fmt::format("; {} is a table without {}{}", owner, name, meant);
      if (!meant.empty()) return fmt::format("; {} is a list of {}{}", owner, size, meant);
      return fmt::format("; {0} is a list of {1}: {0}[1] is its first", owner, size);
    }
    default: return "";
  }
}

// Of the local variable whose method or field was asked for.
std::string variable_hint(lua_State *L, lua_State *co, std::string_view message, std::string_view line) {
  const bool method = message.starts_with("attempt to call method");
  const std::string_view name = quoted(message, method ? "method" : "field");
  const std::string_view owner = owner_of(line, method ? ':' : '.', name);
  if (name.empty()) return "";
  if (owner.empty() || !push_variable(L, co, owner)) {
    const std::string of_text = method ? idiom("string", name) : "";
    return of_text.empty() ? idiom("list", name) : of_text;
  }
  std::string hint = kind_hint(L, owner, name);
  lua_pop(L, 1);
  return hint;
}

// Of operators and calls that Lua has no meaning for.
std::string operator_hint(std::string_view message, std::string_view line) {
  if (contains(message, "arithmetic on") && contains(message, "a string value")) {
    return "; a .. b joins texts, s:rep(n) repeats one, (\"%d\"):format(n) fills one in";
  }
  if (contains(message, "arithmetic on") && contains(message, "a nil value") && contains(line, "tonumber(")) {
    return "; tonumber(s) is nil where s is no number";
  }
  if (contains(message, "attempt to call") && contains(message, "'log' (a table value)")) {
    return "; log.info(…) writes a line, log.debug(…), warn and error likewise";
  }
  if (contains(message, "attempt to concatenate") && contains(message, "boolean value")) {
    return "; tostring(x) is \"true\" or \"false\"";
  }
  if (contains(message, "attempt to call a number value") && contains(line, "for ")) {
    return "; a loop that counts is for i = 1, n do … end";
  }
  if (contains(message, "attempt to compare string with number") ||
      contains(message, "attempt to compare number with string")) {
    return "; tonumber(s) makes a number of a text";
  }
  if (contains(message, "attempt to call a string value") && contains(line, "for ")) {
    return "; for word in s:gmatch \"%S+\" do … end goes through a text's words, ipairs(text.characters(s)) of module "
           "text "
           "through its characters";
  }
  if (contains(message, "attempt to call a table value") && contains(line, "for ")) {
    return "; for i, v in ipairs(list) do … end goes through a list, pairs(t) through any table";
  }
  if (contains(message, "attempt to compare boolean with") || contains(message, "with boolean")) {
    return "; a < b < c is written a < b and b < c";
  }
  if (message.starts_with("attempt to call") && contains(message, "a userdata value")) {
    return "; an object or a tensor is no function: it has methods, x:NAME(…)";
  }
  return "";
}

// Whether json.null, which Lua calls userdata where it is compared, is among the values of the frame that failed.
bool has_null(lua_State *L, lua_State *co) {
  lua_Debug frame;
  if (!has_failed(co) || lua_getstack(co, 0, &frame) == 0 || lua_checkstack(co, 1) == 0) return false;
  bool found = false;
  for (int i = 1; !found && push_slot(L, co, frame, i); ++i) {
    found = lua_islightuserdata(L, -1);
    lua_pop(L, 1);
  }
  return found;
}

std::string tensor_hint(std::string_view message, std::string_view line) {
  if (contains(message, "attempt to compare") && contains(message, "userdata")) {
    return "; a tensor is compared element by element with t:lt(x), t:le(x), t:gt(x), t:ge(x), t:eq(x); t:item() is a "
           "single element's number";
  }
  if (contains(message, "attempt to concatenate") && contains(message, "userdata")) {
    return "; t:item() is a single element's number, tostring(t) says what a tensor is";
  }
  if (contains(message, "attempt to call") && contains(message, "userdata") && contains(line, "for ")) {
    return "; for i = 0, t:size(0) - 1 do … t[i] … end goes through a tensor's first dimension";
  }
  if (contains(line, ":item") && (contains(message, "a number value") || contains(message, "a boolean value") ||
                                  contains(message, "method 'item'"))) {
    return "; t[i] of a tensor of one dimension is a number already, without :item()";
  }
  if (contains(message, "attempt to index a number value") && (contains(line, "][") || contains(line, "]:"))) {
    return "; t[i] of a tensor of one dimension is a number: an item has no batch dimension, which the engine takes "
           "off";
  }
  if (contains(message, "a number value") && (contains(line, ":shape()") || contains(line, ":size()"))) {
    return "; t:shape() gives each dimension as a result: local h, w = t:shape(), or t:size(0)";
  }
  if (contains(message, "(a function value)")) {
    const std::string_view name = quoted(message, "field");
    if (name == "shape") return "; t:size(0) is the first dimension, local h, w = t:shape() all of them";
    if (!name.empty()) return fmt::format("; it is a function: a method is called as x:{}(…)", name);
  }
  return "";
}

// `bad argument #1 to '?'` where the call was a tail call: which function it was.
std::string named(lua_State *L, lua_State *co, std::string_view message) {
  const size_t at = message.find("to '?'");
  lua_Debug frame;
  if (!has_failed(co) || !message.starts_with("bad argument") || at == std::string_view::npos ||
      lua_getstack(co, 0, &frame) == 0 || lua_checkstack(co, 1) == 0 || lua_getinfo(co, "f", &frame) == 0) {
    return std::string(message);
  }
  lua_xmove(co, L, 1);
  const std::string name = library_name(L, lua_gettop(L));
  lua_pop(L, 1);
  std::string text(message);
  if (!name.empty()) text.replace(at + 4, 1, name);
  return text;
}

// Lua's own words for a handle.
std::string without_userdata(std::string text, std::string_view line) {
  const size_t got = text.find("got userdata");
  if (!text.starts_with("bad argument") || got == std::string::npos) return text;
  text.replace(got + 4, 8, "a tensor or object");
  if (contains(text, "string expected")) return text + "; of bytes text.repair(t) makes a text";
  return text + (contains(line, ":item") ? "" : "; of a tensor t:item() is the only element's number");
}

// Of a global that is nil: a module that wants `require`, or what other languages call so.
std::string global_hint(const Vm &vm, std::string_view message) {
  const std::string_view name = quoted(message, "global");
  if (name.empty() || !message.starts_with("attempt to")) return "";
  const auto is = [&](std::string_view module) { return name == module; };
  // Those that come with mrun, whether a script has loaded them or not; then what else is there.
  std::vector<std::string> modules{"bundle", "json", "log", "torch", "image", "text", "audio", "decode"};
  if (vm.options.registry != nullptr) {
    for (const Plugin *p : vm.options.registry->loaded()) modules.push_back(p->name);
  }
  if (std::any_of(modules.begin(), modules.end(), is))
    return fmt::format("; local {0} = require \"{0}\" loads it", name);
  return idiom("", name);
}

// The module that a variable of another name holds: `local b = require "bundle"`, in the same line or outside the
// function that failed. Else the variable's own name.
std::string module_of(lua_State *L, lua_State *co, std::string_view line, std::string_view variable) {
  const std::string required = std::string(variable) + " = require";
  const size_t at = line.find(required);
  const size_t name = at == std::string_view::npos ? at : line.find_first_of("\"'", at);
  if (name != std::string_view::npos) return std::string(name_at(line, name + 1));
  std::string module(variable);
  if (!push_variable(L, co, variable)) return module;
  const int value = lua_gettop(L);
  push_anchor(L, vm_of(L).anchors.modules);
  for (lua_pushnil(L); lua_next(L, value + 1) != 0; lua_pop(L, 1)) {
    if (lua_rawequal(L, -1, value) != 0 && lua_type(L, -2) == LUA_TSTRING) module = lua_tostring(L, -2);
  }
  lua_settop(L, value - 1);
  return module;
}

// That a module or params has no field of a name that the line asks it for: "; params has no treshold; did you mean …".
std::string field_hint(lua_State *L, lua_State *co, std::string_view line) {
  const Vm &vm = vm_of(L);
  std::string hint;
  each_field(line, [&](std::string_view owner, std::string_view field) {
    if (!hint.empty()) return;
    hint = owner == "params" ? params_hint(vm, field) : module_hint(L, vm, module_of(L, co, line, owner), field);
  });
  return hint;
}

// "no form takes (the number 2, …", "(dim = the number 1, …": no tensor came first.
bool got_no_tensor_first(std::string_view message) {
  constexpr std::string_view given = "no form takes (";
  const size_t at = message.find(given);
  if (at == std::string_view::npos) return false;
  const std::string_view behind = message.substr(at + given.size()),
                         first = behind.substr(0, behind.find_first_of(",)"));
  return contains(first, " = ") || !contains(first, "tensor");
}

// What a line calls with a dot behind a bracket: float of `torch.ones({4}).float()`.
std::string_view called_on_result(std::string_view line) {
  const size_t at = line.find(").");
  if (at == std::string_view::npos) return "";
  const std::string_view field = name_at(line, at + 2);
  return line.substr(at + 2 + field.size()).starts_with('(') ? field : "";
}

// Of a method that was called with a dot, and so got another value for its object.
std::string colon_hint(std::string_view message, std::string_view line) {
  if (!contains(message, "self: is missing") && !contains(message, ": self: want ") && !got_no_tensor_first(message) &&
      !contains(message, ": want a tensor, got ") && !contains(message, ": text: want a string, got nil")) {
    return "";
  }
  const auto failed = [&](std::string_view field) {
    return contains(message, "no form takes (nil") ||  // x:float() is aten.to
           contains(message, "." + std::string(field) + ":") || contains(message, " " + std::string(field) + ":");
  };
  std::string hint;
  each_field(line, [&](std::string_view owner, std::string_view field) {
    const std::string called = std::string(field) + "(";
    const bool module = owner == "torch" || owner == "F" || owner == "linalg" || owner == "fft" || owner == "special" ||
                        owner == "string";
    if (hint.empty() && failed(field) && !module && contains(line, called)) {
      hint = fmt::format("; a method is called with a colon: {}:{}(…)", owner, field);
    }
  });
  const std::string_view field = called_on_result(line);
  return hint.empty() && !field.empty() && failed(field)
             ? fmt::format("; a method is called with a colon: (…):{}(…)", field)
             : hint;
}

// Of a parameter that is called otherwise elsewhere; not "it is filter" where the operation has no filter.
std::string renamed_hint(std::string_view message, std::string_view given) {
  constexpr std::string_view renamed = "; it is ";
  std::string hint = idiom("argument", given);
  const bool there = contains(message, " " + hint.substr(std::min(renamed.size(), hint.size())));
  return hint.starts_with(renamed) && !there ? "" : hint;
}

// Of a dimension one beyond the last: counted as in a batch.
std::string dimension_hint(std::string_view message) {
  for (const auto &[range, got] :
       {std::pair{"[-1, 0], but got 1)", "0"}, {"[-2, 1], but got 2)", "1"}, {"[-3, 2], but got 3)", "2"}}) {
    if (contains(message, range)) {
      return fmt::format("; an item has no batch dimension, so {} is its last, as -1 is", got);
    }
  }
  return "";
}

// Of positions and counts that are no integers: torch.tensor makes float32 of numbers, where Python has int64.
std::string position_hint(std::string_view message) {
  const bool target = contains(message, "_loss") && contains(message, "expected scalar type Long but found");
  for (const std::string_view said :
       {"for index", "index tensor", "'indices' to have", "_cpu\" not implemented for 'Float'"}) {
    if (target || contains(message, said))
      return "; whole numbers are int64: torch.tensor(list, {dtype = \"int64\"}), or t:long()";
  }
  return "";
}

constexpr std::string_view bytes_of_file = "the bytes of a file are wanted: bundle.asset \"NAME\"";

// Of an argument of another kind than is wanted: what makes one.
std::string kind_of_argument_hint(std::string_view message) {
  constexpr std::pair<std::string_view, std::string_view> wanted[] = {
      {"text.sentencepiece: model: want Tensor", bytes_of_file},
      {"text.tokenizer_json: json: want Tensor", bytes_of_file},
      {"text.tiktoken: ranks: want Tensor", bytes_of_file},
      {"text.wordpiece: vocabulary: want Tensor", bytes_of_file},
      {": want Tensor, got a list", "torch.tensor(list) makes a tensor of numbers, torch.stack(list) one of tensors"},
      {": size: item 1: want int, got a list", "what comes behind the sizes is given by name: {dtype = \"int64\"}"},
      {": want a string, got a uint8 tensor", "text.repair(t) makes a text of bytes"},
      {": want str, got a uint8 tensor", "text.repair(t) makes a text of bytes"},
      {": want int, got a list", "unpack(list) gives a list's items one by one"},
      {": want int, got a string", "tonumber(s) makes a number of a text"},
      {": want float, got a string", "tonumber(s) makes a number of a text"},
      {": constrain: want decode.Constraint", "constrain = {regex = \"…\", tokenizer = …}, or choices = {…}"},
      {"image.resize: takes at most 2", "a size of both sides is one list: {height, width}"},
      {"image.center_crop: takes at most 2", "a size of both sides is one list: {height, width}"},
      {"image.letterbox: takes at most 2", "a size of both sides is one list: {height, width}"},
      {"could not infer output dtype", "t:float() makes floating-point numbers of integers"},
      {"selected index k out of range", "k is at most the dimension's size: math.min(k, t:size(-1))"},
      {"want a table, got a core.Vocabulary", "bundle.lines(\"NAME\") is the list of its lines"},
      {"text.regex: takes at most 1", "flags stand in the pattern: (?i) takes small letters for capitals"},
      {"(\"gpu\"), which names no dtype", "a device is written \"cpu\" or \"cuda\""},
  };
  for (const auto &[said, advice] : wanted) {
    if (contains(message, said)) return "; " + std::string(advice);
  }
  for (const std::string_view operation : {"add", "sub", "mul", "div", "pow", "remainder"}) {
    if (contains(message, fmt::format("aten.{}: no form takes (", operation)) && contains(message, "a list of "))
      return "; torch.tensor(list) makes a tensor of numbers";
  }
  const bool list = contains(message, "[], got a") || contains(message, ": want a table, got a");
  return list && contains(message, " tensor [") ? "; t:tolist() makes a list of a tensor" : "";
}

// image.decode of a text: of an asset's name, or of an input that was not said to be a file.
std::string file_hint(const Vm &vm, std::string_view message) {
  if (!contains(message, ": bytes: want Tensor, got a string") &&
      !contains(message, ": bytes is a string; wanted a file"))
    return "";
  const std::string asset = "bundle.asset \"NAME\" gives the bytes of a file";
  const bool text = vm.options.bundle != nullptr && vm.options.bundle->manifest().input == InputKind::text;
  if (!text) return "; " + asset;
  return fmt::format("; an input is a text here: kind = \"{}\" below [input] in bundle.toml makes it a file; {}",
                     contains(message, "audio.") ? "audio" : "image", asset);
}

// Of lengths that differ behind the model: a padded call's results are as long as the batch's longest.
std::string padding_hint(const Vm &vm, std::string_view message) {
  if (!contains(message, "must match the size of tensor") && !contains(message, "same size")) return "";
  if (vm.fiber == nullptr || std::string_view(vm.fiber->stage) == "preprocess" || vm.options.bundle == nullptr)
    return "";
  const auto keeps = [](const BatchConfig &c) { return !c.pad.empty() && c.unpad.empty(); };
  const auto keep = [&](const Batching &b) {
    return keeps(b.calls) || std::ranges::any_of(b.methods, [&](const auto &m) { return keeps(m.second); });
  };
  const Manifest &manifest = vm.options.bundle->manifest();
  const bool kept = keep(manifest.batch) ||
                    std::ranges::any_of(manifest.models, [&](const auto &m) { return m.batch && keep(*m.batch); });
  return kept ? "; [batch] pad makes a joined call's results as long as its longest: [batch] unpad cuts them back" : "";
}

// torch:zeros(3), whose first argument is the module.
std::string point_hint(std::string_view message, std::string_view line) {
  if (!contains(message, ": is a function")) return "";
  for (const std::string_view module : {"torch", "F", "linalg", "fft", "special", "image", "text", "audio", "decode"}) {
    const size_t at = line.find(std::string(module) + ":");
    if (at == std::string_view::npos || (at > 0 && in_identifier(line[at - 1]))) continue;
    const std::string_view name = name_at(line, at + module.size() + 1);
    if (!name.empty()) return fmt::format("; a module's function is called with a point: {}.{}(…)", module, name);
  }
  return "";
}

// Of a native operation's arguments: what was left out, or came as nil.
std::string argument_hint(lua_State *L, std::string_view message, std::string_view line) {
  if (contains(message, "pairs: want a table, got a") && contains(message, "tensor")) {
    return "; for i = 0, t:size(0) - 1 do … t[i] … end goes through a tensor's first dimension";
  }
  if (contains(message, ": dim: want int, got a") && contains(message, "tensor")) {
    return "; several tensors are a list: torch.cat({a, b}, dim)";
  }
  if (contains(message, "table.insert: place: want a number") && contains(line, "gsub")) {
    return "; gsub gives two results, and parentheses keep the first: table.insert(t, (s:gsub(…)))";
  }
  if (contains(message, "names no dtype") && contains(message, "torch.")) {
    return "; a dtype is written without torch: \"int64\", or torch.int64 itself";
  }
  if (contains(message, "names no dtype") && contains(message, "np.")) {
    return "; a dtype is written without np: \"int64\"";
  }
  if (std::string hint = point_hint(message, line); !hint.empty()) return hint;
  if (std::string hint = position_hint(message); !hint.empty()) return hint;
  if (std::string hint = padding_hint(vm_of(L), message); !hint.empty()) return hint;
  if (contains(message, "expected scalar type ") || contains(message, "must have the same dtype")) {
    return "; the dtypes must be the same: t:to \"float32\" converts";
  }
  if (contains(message, "Dimension out of range")) return dimension_hint(message);
  if (contains(message, "no parameter is called")) {
    const size_t name = message.find('"') + 1;
    if (message.ends_with("; there are: json")) return "; " + std::string(bytes_of_file);
    return renamed_hint(message, message.substr(name, message.find('"', name) - name));
  }
  std::string hint = filled_in_hint(message);
  if (hint.empty()) hint = file_hint(vm_of(L), message);
  if (hint.empty()) hint = kind_of_argument_hint(message);
  if (hint.empty()) hint = colon_hint(message, line);
  const bool nothing = message.ends_with("got nil") || contains(message, ": is missing; want ");
  return hint.empty() && nothing ? field_hint(L, L, line) : hint;
}

// An error's text with what helps: the words that LuaJIT has for it mean nothing to who writes a script, and the line
// that failed, with its variables, says what was asked of a module, of params or of a value.
std::string with_hint(lua_State *co, std::string_view message, std::string_view line) {
  if (message == "attempt to yield across C-call boundary") {
    return "a coroutine cannot yield inside table.sort, string.gsub, tostring or a native operation's callback";
  }
  const Vm &vm = vm_of(co);
  std::string text = without_userdata(named(vm.L, co, message), line);
  const size_t missing = text.find(" does not exist");
  const size_t dot = text.find('.');
  if (missing != std::string::npos && dot < missing) {
    const std::string meant = idiom(text.substr(0, dot), text.substr(dot + 1, missing - dot - 1));
    return meant.empty() ? text : text.substr(0, missing) + " does not exist" + meant;
  }
  if (contains(message, "base out of range") && contains(line, "gsub")) {
    return text + "; gsub gives two results, and parentheses keep the first: tonumber((s:gsub(…)))";
  }
  if (!message.starts_with("attempt to")) return text;
  if (vm.options.models.empty() && contains(message, "'model' (a nil value)")) {
    return text + "; the bundle has no model: model.pt beside bundle.toml, or a section [models.NAME] with its file";
  }
  if (contains(message, "attempt to compare") && contains(message, "userdata") && has_null(vm.L, co)) {
    return text + "; json.null, which is null in the JSON, has no order: x ~= json.null asks for a value";
  }
  std::string hint = tensor_hint(message, line);
  if (hint.empty()) hint = operator_hint(message, line);
  if (hint.empty()) hint = global_hint(vm, message);
  if (hint.empty() && contains(message, "nil")) hint = field_hint(vm.L, co, line);
  if (hint.empty() && contains(message, "nil")) hint = variable_hint(vm.L, co, message, line);
  return text + hint;
}

}  // namespace

void open_hints(lua_State *L) {
  Vm &vm = vm_of(L);
  vm.with_hint = with_hint;
  vm.argument_hint = argument_hint;
}

}  // namespace mrun
