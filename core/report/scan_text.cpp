// The operators that the sources of TorchScript and of exported programs call.
#include <algorithm>
#include <array>

#include "base/text.h"
#include "report/scan.h"

namespace mrun {
namespace {

// By their last name, whatever library they are of.
constexpr std::string_view reaching[] = {
    "from_file",    "save",     "load",      "read_file",  "write_file",
    "load_library", "rpc_sync", "rpc_async", "rpc_remote", "_load_for_lite_interpreter"};
constexpr std::string_view known_namespaces[] = {
    "aten", "prim", "prims", "quantized", "quantized_decomposed", "higher_order", "inductor", "profiler"};

// Not <cctype>'s: those go by the program's locale.
bool begins_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool in_name(char c) { return begins_name(c) || (c >= '0' && c <= '9') || c == '.'; }

template <class List>
bool among(const List &list, std::string_view name) {
  return std::find(std::begin(list), std::end(list), name) != std::end(list);
}

// "a.b.c" -> "c"
std::string_view last_of(std::string_view dotted) { return dotted.substr(dotted.rfind('.') + 1); }

// The operator of a namespace: "image.read_file" or "aten.add.Tensor", whose overload says nothing.
void report_operator(std::string_view dotted, const std::string &where, Findings &findings) {
  const size_t dot = dotted.find('.');
  if (dot == std::string_view::npos) return;
  const std::string_view space = dotted.substr(0, dot), rest = dotted.substr(dot + 1);
  const std::string_view name = rest.substr(0, rest.find('.'));
  if (among(reaching, name) || (space != "aten" && name.find("sox") != std::string_view::npos)) {
    findings.add(where, "calls " + printable(dotted) + ", which reaches files or other processes", Verdict::unsafe);
  } else if (!among(known_namespaces, space)) {
    findings.add(where, "calls " + printable(dotted) + ", native code of a library that its loader must bring",
                 Verdict::code);
  }
}

// The names of a Python text, without what stands in strings and comments.
template <class Use>
void for_names(std::string_view text, const Use &use) {
  for (size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (c == '#') {
      i = std::min(text.find('\n', i), text.size());
    } else if (c == '"' || c == '\'') {
      for (++i; i < text.size() && text[i] != c; ++i) i += text[i] == '\\' ? 1 : 0;
      ++i;
    } else if (begins_name(c)) {
      size_t end = i;
      while (end < text.size() && in_name(text[end])) ++end;
      use(text.substr(i, end - i));
      i = end;
    } else {
      ++i;
    }
  }
}

}  // namespace

void scan_torchscript(std::string_view text, const std::string &where, Findings &findings) {
  std::string_view before;
  size_t functions = 0;
  for_names(text, [&](std::string_view name) {
    if (before == "def") {
      ++functions;
      if (name == "__setstate__") findings.add(where, "has __setstate__, which runs while it is loaded", Verdict::code);
    } else if (name.starts_with("torch.classes.") || name.starts_with("__torch__.torch.classes.")) {
      findings.add(where, "uses " + printable(name) + ", an object of native code", Verdict::code);
    } else if (name.starts_with("ops.")) {
      report_operator(name.substr(4), where, findings);
    } else if (name.starts_with("torch.") && name.find('.', 6) == std::string_view::npos) {
      report_operator(std::string("aten.") + std::string(last_of(name)), where, findings);
    } else if (among(reaching, name) && name.starts_with("rpc_")) {
      findings.add(where, "calls " + printable(name) + ", which reaches other processes", Verdict::unsafe);
    }
    before = name;
  });
  if (functions > 0) {
    findings.add(where, fmt::format("TorchScript of {} {}", functions, functions == 1 ? "function" : "functions"),
                 Verdict::code);
  }
}

void scan_exported(std::string_view text, const std::string &where, Findings &findings) {
  constexpr std::string_view mark = "torch.ops.";
  size_t calls = 0;
  for (size_t at = text.find(mark); at != std::string_view::npos; at = text.find(mark, at)) {
    at += mark.size();
    size_t end = at;
    while (end < text.size() && in_name(text[end])) ++end;
    report_operator(text.substr(at, end - at), where, findings);
    ++calls;
    at = end;
  }
  if (calls > 0) findings.add(where, fmt::format("a graph of {} calls of operators", calls), Verdict::code);
}

}  // namespace mrun
