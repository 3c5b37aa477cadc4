// What differs between two bundles, revisions or folders: as a structure, and as JSON.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "bundle/bundle.h"
#include "bundle/tensor_diff.h"
#include "bundle/text_diff.h"

namespace mrun {

struct FileDiff {
  enum class Kind { text, asset, example, model };  // text: bundle.toml, scripts, lib, std, README.md, LICENSE
  Kind kind = Kind::text;
  std::string path;
  std::optional<uint64_t> before, after;  // sizes; none: not on that side
  std::optional<TextDiff> text;           // of files that are texts on the sides they are on
  std::string note;                       // why there is nothing closer to say: "weights of revision 1 are gone: …"
};

struct ParamDiff {  // of bundle.toml's [params]
  std::string key;  // "decode.beam"
  std::optional<Value> before, after;
};

struct TensorInfo {
  DLDataType dtype{};
  Shape shape;
};
struct TensorDiff {
  std::string file, name;                   // "model/main.safetensors", "gru.weight_ih_l0"
  std::optional<TensorInfo> before, after;  // none: not on that side
  std::optional<TensorDistance> distance;   // where dtype and shape are the same
};

struct BundleDiff {
  bool equal = true;
  std::vector<FileDiff> files;      // that differ, by path
  std::vector<ParamDiff> params;    // that differ, by key
  std::vector<TensorDiff> tensors;  // that differ, of safetensors files on both sides, by file and name
  std::vector<std::string> operations_added, operations_removed;  // where both are packed
  std::vector<std::string> notes;                                 // what was not compared, or as a whole only
};

// A folder that pins no std modules is compared without them (a note says so). A model's file is equal to the pair that was
// split from it. Reads weights only where their hashes or sizes do not settle it.
BundleDiff diff_bundles(const Bundle &before, const Bundle &after);
// {"equal", "params": [{"key", "before", "after"}], "files": [{"kind", "path", "before", "after", "diff"?, "added"?,
// "removed"?, "note"?}], "tensors": [{"file", "name", "before": {"dtype", "shape"}, "after", "max_abs"?, "mean_abs"?,
// "relative_norm"?, "not_comparable"?}], "operations": {"added", "removed"}, "notes"}. Absent sides are null; numbers
// that JSON does not have are the texts "inf", "-inf" and "nan".
Value diff_value(const BundleDiff &);

}  // namespace mrun
