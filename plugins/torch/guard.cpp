#include "guard.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <new>
#include <string>
#include <string_view>

namespace mrun_torch {
namespace {

bool starts_with(std::string_view text, std::string_view prefix) { return text.substr(0, prefix.size()) == prefix; }

std::string_view trim(std::string_view s) {
  const size_t first = s.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return s.substr(first, s.find_last_not_of(" \t\r\n") - first + 1);
}

// TorchScript's interpreter puts its traceback first; the error itself follows the last quoted source line, and what is
// indented after it.
std::string_view without_traceback(std::string_view text) {
  const std::string_view here = "<--- HERE";
  const size_t at = text.rfind(here);
  if (at == std::string_view::npos) return text;
  text.remove_prefix(at + here.size());
  while (starts_with(text, "\n ") || starts_with(text, "\n\n")) {
    const size_t end = text.find('\n', 1);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end);
  }
  return text;
}

// "/folder/linear.py(114): forward": where a traced model was called in Python.
bool is_python_frame(std::string_view line) {
  const size_t mark = line.find("): "), open = line.rfind('(', mark);
  if (mark == std::string_view::npos || open == std::string_view::npos || open + 1 == mark) return false;
  return line.substr(open + 1, mark - open - 1).find_first_not_of("0123456789") == std::string_view::npos &&
         line.find(' ', mark + 3) == std::string_view::npos;
}

// Lines that are not the error.
bool is_decoration(std::string_view line) {
  return is_python_frame(line) || starts_with(line, "The following operation failed in the TorchScript interpreter") ||
         starts_with(line, "Traceback ") || starts_with(line, "Exception raised from") ||
         starts_with(line, "frame #") || starts_with(line, "File \"") || starts_with(line, "~");
}

// The first that is the error; `text` is then what follows it.
std::string_view take_line(std::string_view &text) {
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view line = trim(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (!line.empty() && !is_decoration(line)) return line;
  }
  return {};
}

// `"cond" INTERNAL ASSERT FAILED at "/path/file.cpp":12, please report a bug to PyTorch. text` -> text
std::string_view without_assert(std::string_view line) {
  for (const std::string_view mark : {"please report a bug to PyTorch.", "please report a bug to PyTorch"}) {
    const size_t at = line.find(mark);
    if (at != std::string_view::npos) {
      const std::string_view rest = trim(line.substr(at + mark.size()));
      return rest.empty() ? "an internal check of libtorch failed" : rest;
    }
  }
  return line;
}

// "[enforce fail at inline_container.cc:88] . text" and "[enforce fail at alloc_cpu.cpp:66] . text" -> text
std::string_view without_enforce(std::string_view line) {
  if (!starts_with(line, "[enforce fail at")) return line;
  const size_t end = line.find("] ");
  if (end == std::string_view::npos) return line;
  std::string_view rest = trim(line.substr(end + 2));
  // The failed condition, where there is one, ends with ". ".
  const size_t dot = rest.find(". ");
  if (starts_with(rest, ".")) return trim(rest.substr(1));
  return dot == std::string_view::npos ? rest : trim(rest.substr(dot + 2));
}

// "RuntimeError: text" -> text; "builtins.ValueError: text" -> "ValueError: text"
std::string_view without_class(std::string_view line) {
  for (const std::string_view prefix : {"builtins.", "RuntimeError: ", "torch.jit.Error: "}) {
    if (starts_with(line, prefix) && line.size() > prefix.size()) line.remove_prefix(prefix.size());
  }
  return line;
}

// "Unknown builtin op: torchvision::nms.", and the constants that torch.jit.optimize_for_inference leaves.
std::string advice_for(std::string_view line) {
  if (line.find("required keyword attribute 'value' is undefined") != line.npos) {
    return ": the file is what torch.jit.optimize_for_inference gives, which Python cannot load again either; save the "
           "model that it was given, with freeze = true in bundle.toml to fold its weights";
  }
  if (!starts_with(line, "Unknown builtin op: ") || starts_with(line, "Unknown builtin op: aten::")) return "";
  return " The operators are libtorch's own: what other libraries add in Python is not there";
}

// Between two characters, as half of one would be no text.
void shorten(std::string &text) {
  constexpr size_t longest = 500;
  if (text.size() <= longest) return;
  size_t end = longest;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  text.resize(end);
}

// Memory's end arrives as a text, too: libtorch's allocator throws a c10::Error, the interpreter what any exception says.
mrun::error error_of(int code, const char *what) {
  const std::string_view all = what;
  for (const char *sign : {"can't allocate memory", "std::bad_alloc"}) {
    if (all.find(sign) != std::string_view::npos) code = MRUN_MEMORY;
  }
  return {code, clean_message(what)};
}

}  // namespace

std::string clean_message(const char *what) {
  std::string_view text = without_traceback(what);
  std::string_view found = take_line(text);
  if (found.empty())
    found = take_line(text = what);  // of code that does not compile: the error stands before its place
  std::string result(without_class(without_enforce(without_assert(found))));
  // What the model's author raised is told whole. Of libtorch's own errors further lines are its tables and advice.
  while (starts_with(found, "builtins.") && !text.empty()) {
    const std::string_view line = take_line(text);
    if (!line.empty()) result.append(" ").append(line);
  }
  shorten(result);
  return result.empty() ? "libtorch failed without a message" : result + advice_for(result);
}

mrun::error current_error(int code) {
  try {
    throw;
  } catch (const mrun::failed &) { throw; } catch (const mrun::error &e) {
    return e;
  } catch (const std::bad_alloc &) { return {MRUN_MEMORY, "out of memory"}; } catch (const c10::Error &e) {
    return error_of(code, e.what_without_backtrace());
  } catch (const std::exception &e) { return error_of(code, e.what()); } catch (...) {
    return {code, "libtorch threw something that is no exception"};
  }
}

int fail_current(mrun_call *call, int code) noexcept {
  try {
    const mrun::error e = current_error(code);
    return mrun::host->fail(call, e.code, "%s", e.what());
  } catch (const mrun::failed &e) { return e.code; } catch (...) {
    return mrun::host->fail(call, MRUN_MEMORY, "out of memory");
  }
}

}  // namespace mrun_torch
