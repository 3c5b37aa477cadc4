#include "script/bridge/missing_key.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <mrun/message.hpp>
#include <optional>

#include "base/text.h"
#include "script/vm/errors.h"
#include "script/vm/lexer.h"

namespace mrun {
namespace {

constexpr int warning = 2;             // a level of the log
constexpr int most_looks = 100;        // of a state: each finds the script's line and reads it
constexpr size_t most_read = 1 << 14;  // that is read for it
constexpr size_t least_key = 5;        // shorter ones are like many others
constexpr size_t most_keys = 32;       // larger tables are vocabularies, whose keys are data

// The keys that are texts, all of them, in the order of their bytes: Lua's is another in each process.
std::vector<std::string> text_keys(lua_State *L) {
  std::vector<std::string> keys;
  for (lua_pushnil(L); lua_next(L, 1) != 0; lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TSTRING) continue;
    if (keys.size() == most_keys) {
      lua_pop(L, 2);
      return {};
    }
    size_t size = 0;
    const char *data = lua_tolstring(L, -2, &size);
    keys.emplace_back(data, size);
  }
  std::ranges::sort(keys);
  return keys;
}

// Whether the core's or a module's own text asks: it takes nil for an answer.
bool asked_by_module(lua_State *L) {
  lua_Debug frame;
  if (lua_getstack(L, level_behind_prelude(L, 1), &frame) == 0 || lua_getinfo(L, "S", &frame) == 0) return true;
  return *frame.source != '@' || is_std(frame.source + 1);
}

bool has_condition(const Tokens &line) {
  static constexpr std::string_view words[] = {"if",  "elseif", "while", "until", "not",
                                               "and", "or",     "nil",   "~",     "type"};
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i].kind == Token::string) continue;
    if (std::ranges::find(words, line[i].text) != std::end(words)) return true;
    if (line[i].text == "=" && i > 0 && line[i - 1].text == "=") return true;
  }
  return false;
}

bool has_name(const Tokens &line, std::string_view name) {
  return std::ranges::any_of(line, [&](const Token &t) { return t.kind == Token::name && t.text == name; });
}

// The line that asks, and those behind it.
class Asking {
 public:
  // The lines before it, and the text from it on.
  Asking(std::string_view before, std::string_view from)
      : before_(before), behind_(from), tokens_(tokens_of(take_line(behind_))) {}

  // Whether nil may be meant: a condition is there, or stands behind it with the name that keeps the value.
  bool conditional() const {
    if (has_condition(tokens_)) return true;
    const size_t first = tokens_.size() > 1 && tokens_[0].text == "local" ? 1 : 0;
    for (size_t i = first; i + 1 < tokens_.size() && tokens_[i].kind == Token::name; i += 2) {
      const std::string_view next = tokens_[i + 1].text;
      if (next != "=" && next != ",") break;
      if (tested_behind(tokens_[i].text)) return true;
      if (next == "=") break;
    }
    return false;
  }

  // How the line writes it: "output.logit" where a name stands before, "t[1]". Not where it is given to a function, which
  // may take nil, copied to a field of its own name, or written more than once.
  std::optional<std::string> written(std::string_view key, bool number) const {
    std::optional<std::string> found;
    int depth = 0;
    for (size_t i = 0; i < tokens_.size(); ++i) {
      depth += tokens_[i].text == "(" ? 1 : tokens_[i].text == ")" ? -1 : 0;
      if (!asks(i, key, number)) continue;
      if (depth > 0 || found || is_copied(i, key)) return std::nullopt;
      const std::string owner = is_name(i - 2) ? std::string(tokens_[i - 2].text) : "t";
      found = owner + (number ? "[" + std::string(key) + "]" : "." + std::string(key));
    }
    return found;
  }

  // Whether the line asks for the place -n, as Python's list[-1], and of what.
  std::optional<std::string> from_the_end(std::string_view places) const {
    for (size_t i = 2; i < tokens_.size(); ++i) {
      const bool literal = is_text(i - 2, "[") && is_text(i - 1, "-") && is_text(i, places) && is_text(i + 1, "]");
      if (literal) return is_name(i - 3) ? std::string(tokens_[i - 3].text) : "t";
    }
    return std::nullopt;
  }

  // Whether what is asked for is compared with a text: s[i] == "a".
  bool compared_with_text() const {
    for (size_t i = 0; i + 3 < tokens_.size(); ++i) {
      const bool compared = is_text(i + 1, "=") || is_text(i + 1, "~");
      if (is_text(i, "]") && compared && is_text(i + 2, "=") && tokens_[i + 3].kind == Token::string) return true;
    }
    return false;
  }

  // Whether the index is computed: labels[p:argmax():item() + 1], labels[ids[i] + 1], labels[best + 1] of a position. Of
  // l[i + 1] the end may be meant.
  bool computed() const {
    int depth = 0;
    for (const Token &t : tokens_) {
      if (depth > 0 && (t.text == "(" || t.text == "[")) return true;
      depth += t.text == "[" ? 1 : t.text == "]" ? -1 : 0;
    }
    for (size_t i = 1; i < tokens_.size(); ++i) {
      const size_t end = is_text(i + 1, "+") && is_text(i + 2, "1") ? i + 3 : i + 1;
      if (is_text(i - 1, "[") && is_name(i) && is_text(end, "]") && is_position(tokens_[i].text)) return true;
    }
    return false;
  }

 private:
  // local best = p:argmax():item()
  bool is_position(std::string_view name) const {
    std::string_view lines = before_;
    while (!lines.empty()) {
      const Tokens line = tokens_of(take_line(lines));
      const bool declared = line.size() > 2 && line[0].text == "local" && line[1].text == name;
      if (declared && (has_name(line, "argmax") || has_name(line, "argmin")) && has_name(line, "item")) return true;
    }
    return false;
  }
  static std::string_view take_line(std::string_view &text) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    return line;
  }
  bool is_name(size_t i) const { return i < tokens_.size() && tokens_[i].kind == Token::name; }
  bool is_text(size_t i, std::string_view text) const { return i < tokens_.size() && tokens_[i].text == text; }
  // Whether a key stands here, and nothing is put there.
  bool asks(size_t i, std::string_view key, bool number) const {
    if (tokens_[i].text != key || (tokens_[i].kind == Token::number) != number) return false;
    const bool index = is_text(i - 1, "[") && is_text(i + 1, "]");
    return (index || (!number && is_text(i - 1, "."))) && !is_text(index ? i + 2 : i + 1, "=");
  }
  // key = a.b.key
  bool is_copied(size_t i, std::string_view key) const {
    while (is_text(i - 1, ".") && is_name(i - 2)) i -= 2;
    return is_text(i - 1, "=") && is_text(i - 2, key);
  }
  bool tested_behind(std::string_view name) const {
    constexpr int most_lines = 40;
    Asking rest = *this;
    for (int i = 0; i < most_lines && !rest.behind_.empty(); ++i) {
      const Tokens line = tokens_of(take_line(rest.behind_));
      if (has_condition(line) && has_name(line, name)) return true;
    }
    return false;
  }

  std::string_view before_, behind_;
  Tokens tokens_;
};

// The key, as text; on the stack a number stays one.
std::string asked_key(lua_State *L) {
  lua_pushvalue(L, 2);
  std::string key = lua_tostring(L, -1);
  lua_pop(L, 1);
  return key;
}

// What stands before ".key".
std::string before_key(const std::string &written, const std::string &key) {
  return written.substr(0, written.size() - key.size() - 1);
}

// labels[3] of {"3": …}
std::string doubt_text_key(lua_State *L, const std::string &key) {
  lua_pushlstring(L, key.data(), key.size());
  lua_rawget(L, 1);
  const bool there = !lua_isnil(L, -1);
  lua_pop(L, 1);
  return there ? fmt::format("t[{0}] is nil: the keys are texts, as t[\"{0}\"]; t[tostring(n)] asks for one", key) : "";
}

bool is_length(const std::string &key) { return key == "length" || key == "len" || key == "size" || key == "count"; }

// best.tokens of a list of maps, list.length
std::string doubt_list(lua_State *L, const std::string &key, const std::string &written) {
  lua_rawgeti(L, 1, 1);
  bool first_has = lua_type(L, -1) == LUA_TTABLE;
  if (first_has) {
    lua_pushlstring(L, key.data(), key.size());
    lua_rawget(L, -2);
    first_has = !lua_isnil(L, -1);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  const std::string list = before_key(written, key);
  if (!first_has) return is_length(key) ? fmt::format("{} is nil: #{} is the length of a list", written, list) : "";
  return fmt::format("{} is nil: {} is a list of {}; {}[1].{} is the first's", written, list, lua_objlen(L, 1), list,
                     key);
}

// labels[-1], labels[#labels / 2], and what is behind the last
std::string doubt_place(double place, const std::string &key, size_t items, const Asking &asking) {
  if (place != std::floor(place)) {
    return fmt::format("t[{}] is nil: a list's positions are whole numbers; math.floor(n) makes one", key);
  }
  if (place < 0) {
    const auto list = asking.from_the_end(std::string_view(key).substr(1));
    return list ? fmt::format("{0}[{1}] is nil: a list counts from 1, and its last is {0}[#{0}]", *list, key) : "";
  }
  const bool behind = place > static_cast<double>(items);
  return behind && asking.computed() ? fmt::format("t[{}] is nil: the list has {}", key, counted(items, "item")) : "";
}

std::string doubt_key(lua_State *L, const Asking &asking) {
  const bool number = lua_type(L, 2) == LUA_TNUMBER;
  const std::string key = asked_key(L);
  const size_t items = lua_objlen(L, 1);
  if (number && items == 0) {
    if (std::string text = doubt_text_key(L, key); !text.empty()) return text;
  }
  if (asking.conditional()) return "";
  if (number && items > 0) return doubt_place(lua_tonumber(L, 2), key, items, asking);
  const auto written = asking.written(key, number);
  if (!written) return "";
  if (items > 0) return doubt_list(L, key, *written);
  const std::vector<std::string> keys = text_keys(L);
  if (!number) {
    const std::string meant = key.size() < least_key ? "" : did_you_mean(key, keys);
    return meant.empty() ? "" : *written + " is nil" + meant;
  }
  return keys.empty() ? "" : fmt::format("{} is nil: the keys are texts: {}", *written, fmt::join(keys, ", "));
}

// s[1], s.length
std::string doubt_text(lua_State *L, const Asking &asking) {
  const bool number = lua_type(L, 2) == LUA_TNUMBER;
  if (asking.conditional() && !(number && asking.compared_with_text())) return "";
  const std::string key = asked_key(L);
  const auto written = asking.written(key, number);
  if (number) {
    return written.value_or("s[" + key + "]") +
           " is nil: a text has no items; s:sub(i, i) is its byte i, text.characters(s) a list";
  }
  if (!written || !is_length(key)) return "";
  return fmt::format("{} is nil: #{} is the number of a text's bytes", *written, before_key(*written, key));
}

// Where the error would be.
Asking asking_of(const Vm &vm, const Error &place) {
  constexpr int lines_before = 40;
  const std::string_view from = source_from(vm, place.script, place.line);
  std::string_view before = source_from(vm, place.script, std::max(1, place.line - lines_before));
  before.remove_suffix(from.size());
  return Asking(before.substr(before.size() - std::min(before.size(), most_read)), from.substr(0, most_read));
}

void tell_once(lua_State *L, std::string (*doubt)(lua_State *, const Asking &)) {
  Vm &vm = vm_of(L);
  const int type = lua_type(L, 2);
  if (vm.told_of_missing_key || vm.fiber == nullptr || (type != LUA_TNUMBER && type != LUA_TSTRING)) return;
  if (vm.missing_keys == most_looks || asked_by_module(L)) return;
  ++vm.missing_keys;
  Error told(MRUN_SCRIPT, "");
  locate(L, told);
  const std::string text = doubt(L, asking_of(vm, told));
  if (text.empty()) return;
  vm.told_of_missing_key = true;
  log_line(vm.item(), warning, printable(told.message + text, 500));
}

}  // namespace

void doubt_missing_key(lua_State *L) { tell_once(L, doubt_key); }

void doubt_missing_method(lua_State *L) { tell_once(L, doubt_text); }

}  // namespace mrun
