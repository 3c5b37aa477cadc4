// The input's part of --meta: what was given, so that `rerun` can give it again.
//
//   {"text": "…", "sha256"}    a text as it was given          {"path": "/…", "sha256"}   a file, and its bytes' hash
//   {"json": …, "sha256"}      a JSON value, and the hash of its compact text
//   {"stdin": true, "sha256"}  bytes of standard input or of a pipe: not kept
//   {"other_path", "sha256"}   a file whose path is not UTF-8, escaped
//   {"fields": {name: one of these}}                           a record
#pragma once
#include "view.h"

namespace command {

std::string describe_file(const std::string &path);  // throws mrun::failure (MRUN_INPUT)
// What came as it is, of a kind of input: a text, JSON, or the hash of bytes. Empty of tensors, which come from files only.
std::string describe_value(const std::string &kind, const mrun_value &);
std::string describe_record(const std::vector<std::pair<std::string, std::string>> &fields);

// The input again. `files`: where files lie now, by field ("" of an input that is no record). Throws mrun::failure:
// MRUN_VERIFY where a file is not what it was, MRUN_INPUT where it cannot be read, MRUN_USAGE for a bad description.
mrun::variant input_again(const View &description, const mrun::bundle &,
                          const std::vector<std::pair<std::string, std::string>> &files);

std::string sha256(std::string_view);

}  // namespace command
