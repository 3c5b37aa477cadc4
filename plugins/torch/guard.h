// The boundary: runs C++ code, turns whatever it throws into a code and one line of text.
#pragma once
#include <mrun/plugin.hpp>

#include <string>

namespace mrun_torch {

// The first useful line of what torch says: no C++ frames, no source paths, no addresses. For TorchScript's errors this
// is the line of the operator or `raise` at the bottom, not the interpreter's.
std::string clean_message(const char *what);

// To be called in a catch block: the exception in flight, where it is none of the host's, as a code and one line. `code` as
// below.
mrun::error current_error(int code);

// To be called in a catch block: notes the exception in flight with host->fail and returns its code. `code` is for
// exceptions that are neither ours nor a lack of memory.
int fail_current(mrun_call *call, int code) noexcept;

template <class F>
int guarded(mrun_call *call, F &&body, int code = MRUN_MODEL) noexcept {
  try {
    body();
    return MRUN_OK;
  } catch (...) { return fail_current(call, code); }
}

}  // namespace mrun_torch
