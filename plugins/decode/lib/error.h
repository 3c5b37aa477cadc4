// What the library throws: a setting, a score or a pattern that cannot be used. Says what, what came, what was wanted.
#pragma once
#include <stdexcept>
#include <string>

namespace decode {

struct Error : std::runtime_error {
  // setting: what was asked for cannot be; model: what the step gave cannot be used; dead_end: the rules together left
  // no token that may follow.
  enum Kind { setting, model, dead_end } kind;
  Error(Kind k, const std::string &text) : std::runtime_error(text), kind(k) {}
};

}  // namespace decode
