// JSON: text to Value and back.
//
// Reading is strict RFC 8259: one document, no comments, no duplicate keys, no byte order mark, valid UTF-8, no lone
// surrogates. null is nil; a number without fraction and exponent is an integer, which must fit int64; every other
// number (and -0) is a double, too large for one is an error. [] is an empty list, {} an empty map.
//
// Writing: keys in byte order; numbers as short as they can be and still read back the same (float32 elements as
// float32), integral ones without ".0"; an empty list is [], an empty map {} (an empty Lua table is an empty list; only
// json.object{} makes an empty map). Tensors are nested lists, bytes (tensors with a media type) are
// {"$bytes": base64, "type": media type}.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "value/tensor.h"

namespace mrun {

struct JsonSource {
  std::string name = "JSON";    // begins each error: "labels.json: line 3, column 9: …"
  mrun_code code = MRUN_INPUT;  // of errors
  size_t depth = 1000;          // levels of lists and maps
};
Value parse_json(std::string_view text, const JsonSource & = {});

struct JsonOptions {
  enum class Style {
    compact,   // one line, no spaces; what a terminal or a reader of lines could stumble over is escaped
    pretty,    // one entry a line, indented; a list of numbers stays on its line
    canonical  // byte for byte what Python's json.dumps(value, sort_keys=True, indent=1) + "\n" gives
  };
  Style style = Style::compact;
  int indent = 2;                 // of pretty
  mrun_code code = MRUN_SCRIPT;   // of errors about the value
  std::string name = "answer";    // begins the place in errors: "answer.score[3] is NaN"
  size_t depth = 1000;            // levels of lists, maps and tensor dimensions
  int64_t max_elements = 10'000;  // of a tensor that is printed
  size_t max_bytes = SIZE_MAX;    // of the text; more is MRUN_QUOTA
  // Where given: what stands for bytes and for a tensor above max_elements (say, a map with the name of a file). The
  // place is for people, long keys are cut: "answer.mask", "answer.crops[2]". It must not hold such tensors itself.
  std::function<Value(const Tensor &, const std::string &place)> save;
};
// Errors name the place as a script would: lists count from 1, tensors from 0.
std::string to_json(const Value &, const JsonOptions & = {});
// The text of a file that people read: pretty, tensors of any size in full, with its last newline.
std::string json_file(const Value &);
// A number as reports have it: what JSON has no number for are the texts "inf", "-inf" and "nan".
Value json_number(double);
// The same for all numbers in a value of lists and maps.
Value json_numbers(const Value &);

}  // namespace mrun
