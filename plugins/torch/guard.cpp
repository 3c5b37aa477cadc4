#include "guard.h"

#include <c10/util/Exception.h>

#include <new>
#include <string_view>

namespace mrun_torch {
namespace {

bool starts_with(std::string_view text, std::string_view prefix) { return text.substr(0, prefix.size()) == prefix; }

std::string_view trim(std::string_view s) {
  const size_t first = s.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return s.substr(first, s.find_last_not_of(" \t\r\n") - first + 1);
}

// Lines of TorchScript's and c10's own decoration.
bool is_decoration(std::string_view line) {
  return starts_with(line, "The following operation failed in the TorchScript interpreter") ||
         starts_with(line, "Traceback of TorchScript") || starts_with(line, "Traceback (most recent call last)") ||
         starts_with(line, "Exception raised from") || starts_with(line, "frame #") || starts_with(line, "File \"") ||
         starts_with(line, "~") || starts_with(line, "Serialized   File") ||
         starts_with(line, "<omitting python frames>");
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

std::string_view without_class(std::string_view line) {
  for (const std::string_view name : {"RuntimeError: ", "torch.jit.Error: ", "builtins.", "AssertionError: "}) {
    if (starts_with(line, name) && line.size() > name.size() && name != "builtins.") return line.substr(name.size());
  }
  return line;
}

}  // namespace

std::string clean_message(const char *what) {
  std::string_view text = what, first, raised;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view line = trim(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (line.empty() || is_decoration(line)) continue;
    if (first.empty()) first = line;
    // The interpreter's report ends with the error itself, after the quoted source.
    if (starts_with(line, "RuntimeError: ") || starts_with(line, "torch.jit.Error: ")) raised = line;
  }
  std::string_view line = raised.empty() ? first : raised;
  line = without_class(without_enforce(without_assert(line)));
  std::string result(line.substr(0, 500));
  if (result.empty()) result = "libtorch failed without a message";
  return result;
}

int fail_current(mrun_call *call, int code) noexcept {
  try {
    throw;
  } catch (const mrun::failed &e) { return e.code; } catch (const mrun::error &e) {
    return mrun::host->fail(call, e.code, "%s", e.what());
  } catch (const std::bad_alloc &) {
    return mrun::host->fail(call, MRUN_MEMORY, "out of memory");
  } catch (const c10::Error &e) {
    const std::string text = clean_message(e.what_without_backtrace());
    const bool memory = text.find("can't allocate memory") != std::string::npos;
    return mrun::host->fail(call, memory ? MRUN_MEMORY : code, "%s", text.c_str());
  } catch (const std::exception &e) {
    return mrun::host->fail(call, code, "%s", clean_message(e.what()).c_str());
  } catch (...) { return mrun::host->fail(call, code, "libtorch threw something that is no exception"); }
}

}  // namespace mrun_torch
