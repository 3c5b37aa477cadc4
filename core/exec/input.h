// The arrow input -> preprocess: what a host or the command hands over becomes what the script is given.
#pragma once
#include <filesystem>
#include <string>
#include <string_view>

#include "bundle/manifest.h"
#include "value/tensor.h"

namespace mrun {

// Checks a value against the manifest's kind. Throws INPUT, saying what came and what was wanted; for records, in which
// field.
//   text          a valid UTF-8 string
//   json          any value
//   image         a 1-D uint8 tensor (a file), or uint8 height x width x channels
//   audio         a 1-D uint8 tensor (a file), or any tensor
//   bytes         a 1-D uint8 tensor
//   tensor        a tensor, or a table of tensors
//   record        a table of its fields
// root: of its tensors (value/root.h).
Value check_input(const Manifest &, Value, uint64_t root);

// That all texts in it are UTF-8: no others can be sent to a worker process, nor returned by a script. Throws INPUT.
void check_texts(const Value &);

// The kind of the whole input, or of a record's field (null: the whole). Throws USAGE for a field that is not declared.
InputKind kind_of_input(const Manifest &, const char *field);

// An input as a user writes it on a command line, by kind: text, json and a record's JSON object are the text itself,
// `@file` reads one; the other kinds are a path (tensor: .npy or .safetensors). Throws INPUT.
Value read_input(InputKind, const std::string &argument);
// The same from a file, whatever the kind: text and json are read from it. Of a text, a byte order mark and the end of the
// last line are dropped.
Value read_input_file(InputKind, const std::filesystem::path &);
// From the content of such a file, all of it: of a text nothing is dropped, and nothing in it names a file. `bytes`: 1-D
// uint8; what is returned may be it. name: for messages. Throws INPUT.
Value input_of_bytes(InputKind, const Tensor &bytes, const std::string &name);
// As read_input_file from what a host holds of such a file: the bytes are copied.
Value read_input_bytes(InputKind, std::string_view content);
// The reverse: what a file of that kind holds, and the ending of its name ("txt", "jpg"). Throws USAGE for pixels and
// samples, which are no file's bytes.
struct InputFile {
  std::string extension, content;
};
InputFile input_file(InputKind, const Value &);

}  // namespace mrun
