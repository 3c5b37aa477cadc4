// bundle.toml, parsed and checked: unknown keys and wrong types are errors with file and line, near misses named.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "value/value.h"

namespace mrun {

enum class InputKind { text, image, audio, bytes, json, tensor, record };
const char *input_kind_name(InputKind);

struct Field {  // of a record
  std::string name;
  InputKind kind = InputKind::text;
  bool optional = false;
};

struct Pad {
  std::vector<int64_t> dims;
  double value = 0;
  bool left = false;
  int64_t multiple = 1;
  int line = 0;  // in bundle.toml, as in what follows
};
struct Unpad {
  int64_t dim = 0;
  std::string like;  // the argument whose length counts
  int line = 0;
};
struct BatchConfig {
  enum class Mode { stack, concat, none } mode = Mode::stack;
  int64_t max_size = 16;   // rows
  int64_t max_tokens = 0;  // rows times the padded lengths of the first padded argument; 0: no limit
  double max_padding = 1;  // the largest share of these that may be filling
  bool exact = false;      // an answer has the same bits whatever it is joined with
  int line = 0;            // of the section
  std::map<std::string, Pad> pad;
  std::map<std::string, Unpad> unpad;  // by the result's name in the method's schema, its place ("1"), or a Dict's key
};

struct Batching {
  BatchConfig calls;
  std::map<std::string, BatchConfig> methods;  // by name: what is not given there is that of `calls`
};

struct ModelConfig {
  std::string name;  // "main", or NAME of [models.NAME]
  // "model.pt"; in a packed or unpacked bundle the pair model/NAME.graph.pt + .safetensors stands for it.
  std::string file;
  std::string backend;  // empty: by the file's suffix
  bool stateful = false;
  Value options;                            // a map: every other key, handed to the backend
  std::optional<Batching> batch;            // [models.NAME] batch; where it is missing, the manifest's
  int line = 0;                             // of its section in bundle.toml; 0 where there is none
  std::map<std::string, int> option_lines;  // of the keys in `options`
};

struct Manifest {
  std::string name, version, description;
  InputKind input = InputKind::text;
  std::vector<Field> fields;        // of InputKind::record
  Value params;                     // a map, as written
  std::vector<ModelConfig> models;  // [models.NAME] by name; a lone model.pt without a section is "main"
  Batching batch;                   // [batch] and [batch.METHOD]
  double rtol = 1e-4, atol = 1e-5;
  Value provenance;  // [provenance], a map or nil
};

// `file` is the name used in messages ("bundle.toml"). Throws BUNDLE: "bundle.toml:7: [batch] mdoe: no such key; did
// you mean 'mode'?"
Manifest parse_manifest(std::string_view toml, const std::string &file);

}  // namespace mrun
