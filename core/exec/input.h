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
//   text: a valid UTF-8 string        json: any value           audio, bytes: a 1-D uint8 tensor (audio: any tensor
//   too) image: a 1-D uint8 tensor (a file), or uint8 height x width x channels tensor: a tensor, or a table of tensors
//   record: a table of its fields
Value check_input(const Manifest &, Value);

// The kind of the whole input, or of a record's field (null: the whole). Throws USAGE for a field that is not declared.
InputKind kind_of_input(const Manifest &, const char *field);

// An input as a user writes it on a command line, by kind: text, json and a record's JSON object are the text itself,
// `@file` reads one; the other kinds are a path (tensor: .npy or .safetensors). Throws INPUT.
Value read_input(InputKind, const std::string &argument);
// The same from the content of such a file, for hosts: nothing in it names a file. Copies. Throws INPUT.
Value read_input_bytes(InputKind, std::string_view content);
// The same from a file, whatever the kind: text and json are read from it. Of a text, a byte order mark and the end of the
// last line are dropped.
Value read_input_file(InputKind, const std::filesystem::path &);

}  // namespace mrun
