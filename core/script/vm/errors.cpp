#include "script/vm/errors.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

#include "base/text.h"
#include "script/vm/arguments.h"
#include "script/vm/fiber.h"
#include "script/vm/handle.h"
#include "script/vm/lexer.h"
#include "script/vm/syntax.h"

namespace mrun {
namespace {

constexpr int most_frames = 20;

struct Place {
  std::string script;
  int line = 0;
};

std::string script_of(const lua_Debug &frame) {
  const char *source = frame.source;
  return source != nullptr && (*source == '@' || *source == '=') ? source + 1 : "";
}

bool is_prelude(std::string_view script) { return script == "[mrun]"; }

// A coroutine that ended without memory no longer knows its innermost line: it is read while the heap refuses.
void note_refusal(lua_State *L) {
  Vm &vm = vm_of(L);
  vm.refused_script = {};
  vm.refused_line = 0;
  const bool in_fiber = vm.fiber != nullptr && vm.fiber->co() != nullptr;  // else it has given its coroutine back
  lua_State *running = in_fiber ? vm.fiber->co() : L;
  lua_Debug frame;
  for (int level = 0; lua_getstack(running, level, &frame) != 0; ++level) {
    if (lua_getinfo(running, "Sl", &frame) == 0 || frame.currentline <= 0 || *frame.source != '@') continue;
    const auto script = vm.texts.find(std::string_view(frame.source + 1));
    if (script == vm.texts.end() || is_std(script->first)) continue;
    vm.refused_script = script->first;
    vm.refused_line = frame.currentline;
    return;
  }
}

// "preprocess.lua:12: text" -> the place and where the text begins; line 0 where there is none.
Place parse_place(const Vm &vm, std::string_view message, size_t &text) {
  for (size_t colon = message.find(':'); colon != std::string_view::npos; colon = message.find(':', colon + 1)) {
    const auto script = vm.texts.find(message.substr(0, colon));
    if (script == vm.texts.end()) continue;
    int line = 0;
    const char *end = message.data() + message.size();
    const auto [after, wrong] = std::from_chars(message.data() + colon + 1, end, line);
    if (wrong != std::errc() || after == end || *after != ':') continue;
    text = static_cast<size_t>(after - message.data()) + 1;
    if (text < message.size() && message[text] == ' ') ++text;
    return {script->first, line};
  }
  text = 0;
  return {};
}

// The innermost line of the bundle's own scripts, else of any.
Place innermost(lua_State *L) {
  Place any;
  lua_Debug frame;
  for (int level = 0; lua_getstack(L, level, &frame) != 0; ++level) {
    if (lua_getinfo(L, "Sl", &frame) == 0 || frame.currentline <= 0) continue;
    const std::string script = script_of(frame);
    if (is_prelude(script)) continue;
    if (!is_std(script)) return {script, frame.currentline};
    if (any.line == 0) any = {script, frame.currentline};
  }
  return any;
}

// `known`: where its script's innermost frame stood, if that is known better than by the frame.
std::string traceback(lua_State *L, Place known = {}) {
  std::string text;
  lua_Debug frame;
  int lines = 0;
  for (int level = 0; lua_getstack(L, level, &frame) != 0; ++level) {
    if (lua_getinfo(L, "Sln", &frame) == 0 || *frame.what == 'C') continue;
    const std::string script = script_of(frame);
    if (is_prelude(script)) continue;
    if (known.line > 0 && script == known.script) frame.currentline = std::exchange(known.line, 0);
    if (frame.currentline <= 0) continue;
    if (++lines > most_frames) return text + "\n...";
    if (!text.empty()) text += '\n';
    text += fmt::format("{}:{}: in ", script, frame.currentline);
    if (*frame.what == 'm') {
      text += "main chunk";
    } else if (frame.name != nullptr) {
      text += fmt::format("function '{}'", printable(frame.name, 60));
    } else {
      text += fmt::format("function <{}:{}>", script, frame.linedefined);
    }
  }
  return text;
}

Error from_string(lua_State *co, const Vm &vm, std::string_view message) {
  Error e(MRUN_SCRIPT, "");
  size_t text = 0;
  Place place = parse_place(vm, message, text);
  if (is_std(place.script)) {  // say where in the module, but show the script's line
    e.message = message;
  } else {
    e.message = vm.with_hint(co, message.substr(text), source_line(vm, place.script, place.line));
    e.script = place.script;
    e.line = place.line;
  }
  return e;
}

std::string field_text(lua_State *L, int table, const char *name) {
  lua_pushstring(L, name);
  lua_rawget(L, table);
  std::string text;
  if (lua_type(L, -1) == LUA_TSTRING) {
    size_t size = 0;
    const char *data = lua_tolstring(L, -1, &size);
    text.assign(data, size);
  }
  lua_pop(L, 1);
  return text;
}

// What a script may raise to say that the input is at fault: {code = "INPUT", message = …}. Other codes become SCRIPT.
Error from_table(lua_State *L, int index) {
  Error e(MRUN_SCRIPT, field_text(L, index, "message"));
  if (field_text(L, index, "code") == "INPUT") e.code = MRUN_INPUT;
  if (e.message.empty()) e.message = "the error is a table without a text `message`";
  return e;
}

int error_index(lua_State *L, Vm &) {
  const Error &e = *error_at(L, 1);
  const std::string_view key = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
  if (key == "line") {
    lua_pushinteger(L, e.line);
    return 1;
  }
  const std::string text = key == "code"        ? code_name(e.code)
                           : key == "message"   ? e.message
                           : key == "script"    ? e.script
                           : key == "operation" ? e.operation
                           : key == "argument"  ? e.argument
                                                : "";
  if (text.empty()) return 0;
  lua_pushlstring(L, text.data(), text.size());
  return 1;
}

int error_text(lua_State *L, Vm &) {
  const Error &e = *error_at(L, 1);
  lua_pushlstring(L, e.message.data(), e.message.size());
  return 1;
}

int error_concat(lua_State *L, Vm &) {
  for (int i = 1; i <= 2; ++i) {
    if (const Error *e = error_at(L, i)) {
      lua_pushlstring(L, e->message.data(), e->message.size());
      lua_replace(L, i);
    } else if (lua_isstring(L, i) == 0) {
      fail(MRUN_SCRIPT, "attempt to concatenate an error and a {}", luaL_typename(L, i));
    }
  }
  lua_concat(L, 2);
  return 1;
}

}  // namespace

bool is_std(std::string_view script) { return script.starts_with("std/") || is_prelude(script); }

int level_behind_prelude(lua_State *L, int level) {
  constexpr int most_levels = 64;  // each is looked for from the innermost on
  lua_Debug frame;
  for (int i = 1; i <= level && level < most_levels && lua_getstack(L, i, &frame) != 0; ++i) {
    if (lua_getinfo(L, "S", &frame) != 0 && is_prelude(script_of(frame))) ++level;
  }
  return level;
}

std::string_view source_from(const Vm &vm, std::string_view script, int line) {
  const auto at = vm.texts.find(script);
  if (at == vm.texts.end() || line <= 0) return "";
  std::string_view rest = at->second;
  for (int i = 1; i < line; ++i) {
    const size_t end = rest.find('\n');
    if (end == std::string_view::npos) return "";
    rest.remove_prefix(end + 1);
  }
  return rest;
}

std::string source_line(const Vm &vm, std::string_view script, int line) {
  const std::string_view from = source_from(vm, script, line);
  return printable(from.substr(0, from.find('\n')));
}

namespace {

// What failed, without its module and version: an operation, or a library's function, which begins the message. A script's
// own message may begin likewise.
std::string_view name_of_failed(const Error &e) {
  static constexpr std::string_view base[] = {"assert", "ipairs",       "next",     "pairs",  "require",
                                              "select", "setmetatable", "tonumber", "unpack", "tostring"};
  std::string_view name = e.operation;
  if (name.empty()) {
    name = std::string_view(e.message).substr(0, e.message.find(": "));
    const bool library = name.find('.') != std::string_view::npos || std::ranges::find(base, name) != std::end(base);
    if (!library || name.find_first_of(" '\"") != std::string_view::npos) return "";
  }
  name.remove_prefix(name.rfind('.') + 1);
  return name.substr(0, name.find('@'));
}

// What the line's `return` calls, as far as it has names.
std::vector<std::string_view> called_by_return(std::string_view line) {
  static constexpr std::string_view words[] = {"return", "not", "and", "or", "function"};
  const Tokens tokens = tokens_of(line);
  std::vector<std::string_view> names;
  auto at = std::ranges::find(tokens, std::string_view("return"), &Token::text);
  for (; at != tokens.end() && at + 1 != tokens.end(); ++at) {
    const bool callee = (at->kind == Token::name && std::ranges::find(words, at->text) == std::end(words)) ||
                        at->text == ")" || at->text == "]";
    const Token &next = at[1];
    if (callee && (next.kind == Token::string || next.text == "(" || next.text == "{")) names.push_back(at->text);
  }
  return names;
}

// The lines that a tail call may have come from: the only one that returns, or those that return what something gives, by
// the name of what failed where one calls it.
std::vector<int> tail_call_lines(const Vm &vm, const FiberImpl &fiber, const Error &e) {
  if (e.message.starts_with("what ")) return {};  // "what preprocess returned": no call
  if (fiber.return_lines.size() == 1) return {fiber.return_lines.front()};
  const std::string_view name = name_of_failed(e);
  std::vector<int> calling, named;
  for (const int line : fiber.return_lines) {
    const std::string text = source_line(vm, fiber.script, line);
    const std::vector<std::string_view> names = called_by_return(text);
    if (names.empty()) continue;
    calling.push_back(line);
    if (std::ranges::find(names, name) != names.end()) named.push_back(line);
  }
  return named.empty() ? calling : named;
}

// "4, 6 or 9"
std::string alternatives(const std::vector<int> &lines) {
  std::string text;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) text += i + 1 == lines.size() ? " or " : ", ";
    text += std::to_string(lines[i]);
  }
  return text;
}

}  // namespace

void locate(lua_State *L, Error &e) {
  const Vm &vm = vm_of(L);
  if (e.traceback.empty()) e.traceback = traceback(L);
  if (e.line == 0) {
    Place place = innermost(L);
    const FiberImpl *fiber = vm.fiber;
    if ((place.line == 0 || is_std(place.script)) && fiber != nullptr && L == fiber->co()) {
      // `return image.resize(…)` has replaced the script's own frame.
      const std::string among = std::string(fiber->script) + ": in what line ";
      if (e.message.starts_with(among)) return;
      const std::vector<int> lines = tail_call_lines(vm, *fiber, e);
      if (lines.size() == 1) place = {fiber->script, lines[0]};
      if (lines.size() > 1 && place.line == 0) e.message = among + alternatives(lines) + " returns: " + e.message;
    }
    e.script = place.script;
    e.line = place.line;
  }
  if (e.source.empty()) e.source = source_line(vm, e.script, e.line);
  if (e.line == 0) return;
  const std::string prefix = fmt::format("{}:{}: ", e.script, e.line);
  if (!e.message.starts_with(prefix)) e.message = prefix + e.message;
}

Error memory_error(const Vm &vm, lua_State *co) {
  Error e = heap_full(vm);
  e.script = vm.refused_script;
  e.line = vm.refused_line;
  e.traceback = traceback(co, {e.script, e.line});
  locate(co, e);
  return e;
}

namespace {

// A full heap as a script passes it on that has caught it, or that it reached from a coroutine: Lua's text, perhaps behind
// a place.
bool is_full_heap(lua_State *L, int index) {
  constexpr std::string_view said = "not enough memory";
  if (lua_type(L, index) != LUA_TSTRING || !vm_of(L).overflowed) return false;
  size_t size = 0;
  const char *text = lua_tolstring(L, index, &size);
  const std::string_view message(text, size);
  return message == said || message.ends_with(": not enough memory");
}

}  // namespace

Error error_of(lua_State *L, lua_State *co, int status) {
  const Vm &vm = vm_of(L);
  if (L != co) lua_xmove(co, L, 1);
  if (status == LUA_ERRMEM || is_full_heap(L, -1)) {
    lua_pop(L, 1);
    return memory_error(vm, co);
  }
  Error e;
  const int top = lua_gettop(L);
  if (const Error *known = error_at(L, top)) {
    e = *known;
  } else if (lua_type(L, top) == LUA_TSTRING) {
    size_t size = 0;
    const char *text = lua_tolstring(L, top, &size);
    e = size > 0 && vm.said.message == std::string_view(text, size) ? vm.said : from_string(co, vm, {text, size});
  } else if (lua_type(L, top) == LUA_TTABLE) {
    e = from_table(L, top);
  } else {
    e = Error(MRUN_SCRIPT, fmt::format("the error is {}; raise a string or {{code = \"INPUT\", message = …}}",
                                       describe_lua(L, top)));
  }
  lua_pop(L, 1);
  e.message = printable(e.message, 2000);
  locate(co, e);
  return e;
}

Error compile_error(const Vm &vm, const std::string &script, std::string_view message) {
  size_t text = 0;
  const Place place = parse_place(vm, message, text);
  Error e(MRUN_SCRIPT, printable(message));
  e.script = script;
  e.line = place.line;
  e.source = source_line(vm, script, place.line);
  e.message += syntax_advice(message, e.source, vm.texts.at(script));
  return e;
}

namespace {

// The one error that needs no memory.
const Error &memory_ended() {
  static const Error error(MRUN_MEMORY, "out of memory");
  return error;
}

Error error_for(const std::exception &thrown) {
  if (const auto *e = dynamic_cast<const Error *>(&thrown)) return *e;
  if (dynamic_cast<const std::bad_alloc *>(&thrown) != nullptr) return memory_ended();
  return Error(MRUN_INTERNAL, thrown.what());
}

// Runs f() where no C++ exception may pass. False, and vm.raised says it, where memory ended.
template <class F>
bool with_memory(Vm &vm, F &&f) {
  try {
    f();
    return true;
  } catch (const std::exception &) { vm.raised = memory_ended(); }
  return false;
}

}  // namespace

void note(Vm &vm, const std::exception &thrown) {
  with_memory(vm, [&] { vm.raised = error_for(thrown); });
}

namespace {

// A script can keep errors by the million: what lies behind one counts as if Lua had allocated it.
uint32_t heap_bytes(const Error &e) {
  const size_t text = e.message.size() + e.script.size() + e.source.size() + e.traceback.size() + e.operation.size() +
                      e.argument.size() + e.stage.size();
  return static_cast<uint32_t>(std::min<size_t>(sizeof(Error) + text, std::numeric_limits<uint32_t>::max()));
}

}  // namespace

namespace {

// Native code has seen that the item must end: the hook ends the script before it could catch that as an error.
void end_soon(lua_State *L, const Vm &vm) {
  if (vm.fiber == nullptr || !vm.fiber->stopped()) return;
  if (!vm.fiber->stopped_at) vm.fiber->stopped_at = vm.raised;
  vm.interrupt(L);
}

}  // namespace

namespace {

// Says of vm.raised where it happened and what helps, for a script that may catch it.
void complete(lua_State *L, Vm &vm) {
  Error &e = vm.raised;
  locate(L, e);
  end_soon(L, vm);
  if (e.code == MRUN_ARGUMENT) e.message += vm.argument_hint(L, e.message, e.source);
}

}  // namespace

int raise(lua_State *L) {
  Vm &vm = vm_of(L);
  std::unique_ptr<Error> error;
  with_memory(vm, [&] {
    complete(L, vm);
    error = std::make_unique<Error>(std::move(vm.raised));
  });
  Handle &handle = push_handle(L, Handle::error, vm.anchors.error);
  if (error) {
    handle.on_heap = heap_bytes(*error);
    vm.used += handle.on_heap;
    handle.pointer = error.release();
    handle.destroy = [](void *e) { delete static_cast<Error *>(e); };
  }
  return lua_error(L);
}

int raise_text(lua_State *L) {
  Vm &vm = vm_of(L);
  if (vm.raised.code != MRUN_SCRIPT && vm.raised.code != MRUN_ARGUMENT) return raise(L);
  if (!with_memory(vm, [&] { complete(L, vm); })) return raise(L);
  vm.said = std::move(vm.raised);
  lua_pushlstring(L, vm.said.message.data(), vm.said.message.size());
  return lua_error(L);
}

const Error *error_at(lua_State *L, int index) {
  const Handle *h = handle_at(L, index, Handle::error);
  if (h == nullptr) return nullptr;
  return h->pointer != nullptr ? static_cast<const Error *>(h->pointer) : &memory_ended();
}

void open_errors(lua_State *L) {
  vm_of(L).note_refusal = note_refusal;
  begin_metatable(L);
  lua_pushcfunction(L, function<error_index>);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, function<error_text>);
  lua_setfield(L, -2, "__tostring");
  lua_pushcfunction(L, function<error_concat>);
  lua_setfield(L, -2, "__concat");
  vm_of(L).anchors.error = anchor(L);
}

}  // namespace mrun
