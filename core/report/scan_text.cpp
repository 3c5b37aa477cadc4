// The operators that the sources of TorchScript and of exported programs call.
#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <mrun/message.hpp>

#include "base/text.h"
#include "report/scan_names.h"

namespace mrun {
namespace {

// By their last name, whatever library they are of.
constexpr std::string_view reaching_operations[] = {
    "from_file",    "save",     "load",      "read_file",  "write_file",
    "load_library", "rpc_sync", "rpc_async", "rpc_remote", "_load_for_lite_interpreter"};
constexpr std::string_view known_namespaces[] = {
    "aten", "prim", "prims", "quantized", "quantized_decomposed", "higher_order", "inductor", "profiler"};

constexpr size_t longest_name = 400;

// Not <cctype>'s: those go by the program's locale.
bool begins_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool in_name(char c) { return begins_name(c) || (c >= '0' && c <= '9') || c == '.'; }

template <class List>
bool is_among(const List &list, std::string_view name) {
  return std::find(std::begin(list), std::end(list), name) != std::end(list);
}

// "a.b.c" -> "c"
std::string_view last_of(std::string_view dotted) { return dotted.substr(dotted.rfind('.') + 1); }

std::string_view name_at(std::string_view text, size_t at) {
  size_t end = at;
  while (end < text.size() && in_name(text[end])) ++end;
  return text.substr(at, end - at);
}

// The same up to a point.
std::string_view identifier_at(std::string_view text, size_t at) {
  const std::string_view name = name_at(text, at);
  return name.substr(0, name.find('.'));
}

// The operator of a namespace: "image.read_file" or "aten.add.Tensor", whose overload says nothing.
void report_operator(std::string_view dotted, const std::string &where, Findings &findings) {
  const size_t dot = dotted.find('.');
  if (dot == std::string_view::npos) return;
  const std::string_view space = dotted.substr(0, dot), rest = dotted.substr(dot + 1);
  const std::string_view name = rest.substr(0, rest.find('.'));
  if (is_among(reaching_operations, name) || (space != "aten" && name.find("sox") != std::string_view::npos)) {
    findings.add(where, "calls " + printable(dotted) + ", which reaches files or other processes", Verdict::unsafe);
  } else if (!is_among(known_namespaces, space)) {
    findings.add(where, "calls " + printable(dotted) + ", native code of a library that its loader must bring",
                 Verdict::code);
  }
}

// Behind the string that begins there, as TorchScript's lexer ends it.
size_t behind_string(std::string_view text, size_t at) {
  const std::string_view three = text.substr(at, 3);
  const bool is_long = three.size() == 3 && three[0] == three[1] && three[0] == three[2];
  const std::string_view quotes = text.substr(at, is_long ? 3 : 1);
  for (at += quotes.size(); at < text.size(); ++at) {
    if (text.substr(at).starts_with(quotes)) return at + quotes.size();
    if (text[at] == '\n' && !is_long) return at;
    if (text[at] == '\\') ++at;
  }
  return text.size();
}

// The names of a Python text, without what stands in strings and comments, each with the character behind it. What points
// join is one name, whatever blanks, line ends and parentheses stand between: (torch) . save
template <class Use>
void for_names(std::string_view text, const Use &use) {
  std::string name;
  bool joined = false;
  const auto end = [&](char behind) {
    if (!name.empty()) use(std::string_view(name), behind);
    name.clear();
    joined = false;
  };
  for (size_t i = 0; i < text.size();) {
    const char c = text[i];
    size_t behind = i + 1;
    if (begins_name(c)) {
      const std::string_view part = identifier_at(text, i);
      behind = i + part.size();
      if (!joined) end(c);
      if (joined) name += '.';
      name += part;
      joined = false;
    } else if (c == '.') {
      joined = !name.empty();
    } else if (c == '#') {
      behind = std::min(text.find('\n', i), text.size());
    } else if (std::string_view(" \t\r\n\\)").find(c) == std::string_view::npos) {
      end(c);
      if (c == '"' || c == '\'') behind = behind_string(text, i);
      if (in_name(c)) behind = i + name_at(text, i).size();  // a number, and its letters
    }
    i = behind;
  }
  end('\n');
}

// `t = torch`, `getattr(ops.aten, …)`: what is called then has another name. `ops : int` declares an attribute.
bool hides_names(std::string_view name, char behind) {
  if (behind == ':') return false;
  return name == "torch" || name == "ops" || (name.starts_with("ops.") && name.find('.', 4) == std::string_view::npos);
}

// JSON with the ASCII characters that it escapes as they are meant, since a name may be written in many ways; what would end
// a text, or escape, stays.
std::string without_escapes(std::string_view json) {
  std::string out;
  for (size_t i = 0; i < json.size(); ++i) {
    unsigned code = 0;
    const bool escaped = json[i] == '\\' && i + 6 <= json.size() && json[i + 1] == 'u';
    const char *const digits = json.data() + i + 2;
    if (escaped && std::from_chars(digits, digits + 4, code, 16).ptr == digits + 4 && code < 0x80 && code != '"' &&
        code != '\\') {
      out += static_cast<char>(code);
      i += 5;
    } else {
      out += json[i];
    }
  }
  return out;
}

// The texts that stand for a key, wherever: "class_name": "Lambda".
template <class Use>
void for_values(std::string_view json, std::string_view key, const Use &use) {
  const std::string quoted = '"' + std::string(key) + '"';
  for (size_t at = json.find(quoted); at != std::string_view::npos; at = json.find(quoted, at + 1)) {
    const size_t begin = json.find_first_not_of(" \t\r\n:", at + quoted.size());
    if (begin != std::string_view::npos && json[begin] == '"')
      use(json.substr(begin + 1, json.find('"', begin + 1) - begin - 1));
  }
}

// Python evaluates an exported program's sizes (sympy.sympify), with all that is built into it: of `4*s0 + Max(2, s1)` nothing
// runs but sympy's own.
bool runs_more_than_numbers(std::string_view expression) {
  constexpr std::string_view functions[] = {"floor", "ceiling", "sqrt", "exp", "log", "sin", "cos", "tan"};
  if (expression.find_first_of("'\"\\[]{}:;@") != std::string_view::npos) return true;
  std::string_view before = " ";
  for (size_t i = 0; i < expression.size();) {
    const char c = expression[i];
    const size_t size = begins_name(c) ? identifier_at(expression, i).size() : 1;
    if (c != ' ' && c != '\t') {
      const bool named = begins_name(before[0]), own = before[0] >= 'A' && before[0] <= 'Z';
      if (c == '(' && (before == ")" || (named && !own && !is_among(functions, before)))) return true;
      if ((c == '.' && (named || before == ")")) || (before == "." && begins_name(c))) return true;  // a field
      if ((static_cast<unsigned char>(c) & 0x80) != 0) return true;  // a letter that Python takes for another
      before = expression.substr(i, size);
    }
    i += size;
  }
  return false;
}

// Keras makes layers of the modules and classes that its JSON names, and a Lambda of the code that stands in it.
void scan_layers(std::string_view json, const std::string &where, Findings &findings) {
  bool layers = false;
  for_values(json, "class_name", [&](std::string_view text) {
    const std::string_view name = name_at(text, 0);
    layers = true;
    if (name != "Lambda" && name != "__lambda__") return;
    findings.add(where, "has a Lambda layer of Keras: Python's bytecode, which runs once it is loaded",
                 Verdict::unsafe);
  });
  if (!layers) return;
  findings.add(where, "layers that Keras makes by their names", Verdict::code);
  for_values(json, "module", [&](std::string_view text) {
    const std::string_view name = name_at(text, 0);
    if (name.empty() || name.starts_with("keras") || name.size() > longest_name) return;
    findings.add(where, "imports " + printable(name), std::max(Verdict::code, verdict_of_import(name)));
  });
}

}  // namespace

void scan_torchscript(std::string_view text, const std::string &where, Findings &findings) {
  std::string before;
  size_t functions = 0;
  for_names(text, [&](std::string_view name, char behind) {
    if (before == "def") {
      ++functions;
      if (name == "__setstate__") findings.add(where, "has __setstate__, which runs while it is loaded", Verdict::code);
    } else if (hides_names(name, behind)) {
      findings.add(where, "gives " + printable(name) + " another name, which hides what is called", Verdict::unsafe);
    } else if (name.starts_with("torch.classes.") || name.starts_with("__torch__.torch.classes.")) {
      findings.add(where, "uses " + printable(name) + ", an object of native code", Verdict::code);
    } else if (name.starts_with("ops.")) {
      report_operator(name.substr(4), where, findings);
    } else if (name.starts_with("torch.") && name.find('.', 6) == std::string_view::npos) {
      report_operator(std::string("aten.") + std::string(last_of(name)), where, findings);
    } else if (is_among(reaching_operations, name) && name.starts_with("rpc_")) {
      findings.add(where, "calls " + printable(name) + ", which reaches other processes", Verdict::unsafe);
    }
    before = name;
  });
  if (functions > 0) { findings.add(where, "TorchScript of " + counted(functions, "function"), Verdict::code); }
}

void scan_exported(std::string_view json, const std::string &where, Findings &findings) {
  if (json.find('\0') != std::string_view::npos) {  // Python reads it as UTF-16 or UTF-32
    findings.add(where, "is JSON that is not in UTF-8, which hides what it names", Verdict::unsafe);
  }
  const std::string text = without_escapes(json);
  constexpr std::string_view mark = "torch.ops.";
  size_t calls = 0;
  for (size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at)) {
    at += mark.size();
    const std::string_view name = name_at(text, at);
    report_operator(name, where, findings);
    ++calls;
    at += name.size();
  }
  if (calls > 0) findings.add(where, "a graph of " + counted(calls, "call") + " of operators", Verdict::code);
  for_values(text, "expr_str", [&](std::string_view expression) {
    if (!runs_more_than_numbers(expression)) return;
    findings.add(where, "has a size that Python evaluates: " + printable(expression, 100), Verdict::unsafe);
  });
  scan_layers(text, where, findings);
}

// The operators are the texts of a pickle: "X", the length in four bytes, "aten::add".
void scan_bytecode(std::string_view bytes, const std::string &where, Findings &findings) {
  constexpr size_t before = 5;
  findings.add(where, "bytecode, which the interpreter for mobile devices runs", Verdict::code);
  for (size_t at = bytes.find("::"); at != std::string_view::npos; at = bytes.find("::", at + 2)) {
    size_t begin = at;
    while (begin > 0 && in_name(bytes[begin - 1]) && at - begin < longest_name) --begin;
    if (begin < before || bytes[begin - before] != 'X') continue;
    uint32_t size = 0;
    std::memcpy(&size, bytes.data() + begin - sizeof size, sizeof size);
    if (size <= at + 2 - begin || size > longest_name) continue;
    const std::string_view name = bytes.substr(at + 2, size - (at + 2 - begin));
    report_operator(std::string(bytes.substr(begin, at - begin)) + "." + std::string(name), where, findings);
  }
}

}  // namespace mrun
