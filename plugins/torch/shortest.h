// A number as a message or a schema shows it.
#pragma once
#include <charconv>
#include <cmath>
#include <string>

namespace mrun_torch {

// The fewest digits that mean it: "300", "0.1", "1e+22", "nan" of either sign.
inline std::string shortest_text(double x) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, std::isnan(x) ? std::fabs(x) : x).ptr};
}

// The same of what is no integer, whatever its value: "300.0".
inline std::string fraction_text(double x) {
  std::string text = shortest_text(x);
  if (text.find_first_not_of("-0123456789") == std::string::npos) text += ".0";
  return text;
}

}  // namespace mrun_torch
