// Values to try operations with.
#pragma once
#include <map>

#include "plugin/schema.h"

namespace mrun {

// Objects by the name of their type, as the plugin's own operations made them.
using ObjectPool = std::map<std::string, Value>;

// One of every kind and many that are odd: empty, huge, not a number, of other dtypes and shapes, with strides.
std::vector<Value> odd_values();

// Values that fit a type, plain ones first; nothing where there is none (an object that nobody has made yet).
std::vector<Value> fitting_values(const Type &, const ObjectPool &);

// What native code may not give though nothing reads it as it comes: "a text that is not UTF-8"; or nothing.
std::string unlawful(const Value &);

// A value in a few words, as a problem names it: "7", "\"a\"", "float32 [2, 3]".
std::string described(const Value &);

}  // namespace mrun
