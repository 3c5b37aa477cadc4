// The options that pad, as every tokenizer's operations take them.
#pragma once
#include <functional>

#include "ops.h"
#include "padding.h"

namespace text {

struct PaddingAsked {
  const mrun_value *padding = nullptr;  // true, "longest", "max_length", a number; false: none; nullptr: not said
  std::optional<int64_t> multiple_of;
  std::optional<std::string> side, pad_token;

  bool is_wanted() const { return padding && !is_unwanted(); }
  bool is_unwanted() const { return padding && padding->kind == MRUN_BOOL && padding->as.boolean == 0; }
};

// What a tokenizer brings to it.
struct PaddingGiven {
  std::optional<Padding> file;
  std::optional<uint32_t> max_length;
  std::function<std::optional<int64_t>(const std::string &)> id;  // of a token
  std::function<std::string()> usual_token;                       // where neither the file nor the call names one
};

// Nothing where the options change nothing.
std::optional<Padding> padding_of(const PaddingAsked &, const PaddingGiven &);

uint32_t count_of(int64_t n, const char *what, int64_t most = UINT32_MAX);
bool is_left_side(const std::string &name, const char *what);

}  // namespace text
