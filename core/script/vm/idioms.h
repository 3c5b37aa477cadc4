// Names that people bring along from Python and other languages, and what does here what they mean.
#pragma once
#include <string>
#include <string_view>

namespace mrun {

// For the end of a message about `owner` that has no `name`, "; math.floor(x + 0.5) rounds": what to write instead, or
// nothing. owner: "" of a global, "require" of a module that is asked for, "string" or "list" of such a value's method,
// else a module's name.
std::string idiom(std::string_view owner, std::string_view name);

// Of the error of a model's call that lacks what [batch] can fill in; or empty.
std::string filled_in_hint(std::string_view message);

}  // namespace mrun
