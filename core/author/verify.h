// Does a bundle still do what it did? Its hashes, then each example: the first stage that differs, where and by how
// much.
#pragma once
#include "author/example.h"

namespace mrun {

struct VerifyOptions {
  bool hashes_only = false;
};

struct Report {
  bool equal = true;
  // {"equal", "hashes": "ok" | "none" (a folder) | "failed: …", "examples": [{"name", "equal", "stage", "place",
  // "message", "max_abs", "max_rel",
  //  "differing", "of", "seconds"}]}: the numbers only where a tensor or number differs.
  Value json;
};

// Hashes are checked first and stop the rest where they fail. Throws what Engine's constructor throws.
Report verify(const std::shared_ptr<const Bundle> &, const EngineOptions &, const VerifyOptions &);
// Only the examples, with an engine that runs: for pack.
Report verify_examples(const Bundle &, Engine &);

}  // namespace mrun
