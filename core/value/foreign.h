// Values that other code wrote, a host or a plugin: what can be told to be wrong before anything reads it.
#pragma once
#include <mrun/types.h>

#include <string>

namespace mrun {

// Who wrote it, and how they make tensors: for the words of what is wrong.
struct Writer {
  const char *who;      // "a host"
  const char *tensors;  // "mrun_tensor makes one"
  bool functions;       // it may pass on what it was given
};
inline constexpr Writer host_writer{"a host", "mrun_tensor makes one", false};
inline constexpr Writer plugin_writer{"a plugin", "tensor_new and tensor_give make one", true};

// What is wrong, "a list's items are NULL", or nothing. What has an owner was made here, and was checked then.
std::string malformed(const mrun_value &, const Writer &);

}  // namespace mrun
