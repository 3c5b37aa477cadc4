// What a script's text says that cannot be meant.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace mrun {

// What is no error but cannot be meant, a sentence each: a length as a condition; a table as equal to a new one; Python's
// format and patterns; what gives nothing, or nil, taken for a value; an item of a text; a parameter or a record's field that is not among `known`, which is nil; and in a stage's file a name that
// nothing sets, a function that returns nothing, and one whose arguments are another stage's, and one of preprocess whose
// result's second part becomes the context.
struct KnownNames {
  std::vector<std::string> params;  // "a", "a.b"
  std::vector<std::string> fields;  // of the record that the input is; empty where it is none
  bool text = false;                // the input is one
};
std::vector<std::string> doubts(const std::string &script, std::string_view text, const KnownNames &known);

}  // namespace mrun
