// The text of a tokenizer.json as values. Numbers with a fraction or an exponent are what the peer's reader makes of
// them, which is not always the nearest number: ties between a Unigram's paths depend on that.
#pragma once
#include <string_view>

#include "config.h"

namespace text {

// Throws Error (input) for what is not JSON, nested too deeply or larger than 512 MiB. Of a key that is there twice the
// later value counts.
Json read_json(std::string_view s);

// The digits as one integer (as many as fit 64 bits), made a double, then times or through a power of ten: two
// roundings. `number`: as JSON writes one.
double two_roundings(std::string_view number);

}  // namespace text
