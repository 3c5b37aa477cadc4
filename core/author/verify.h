// Does a bundle still do what it did? Its hashes, then each example: the first stage that differs, where and by how
// much.
#pragma once
#include "author/example.h"

namespace mrun {

// Where the examples run: an engine of this process (start_session), or another session.
using StartSession = std::function<std::unique_ptr<Session>(std::shared_ptr<const Bundle>, EngineOptions)>;

struct VerifyOptions {
  bool hashes_only = false;
  StartSession start = start_session;
};

struct Report {
  bool equal = true;
  // {"equal", "hashes": "ok" | "none" (a folder) | "failed: …", "examples": [row]}. A row: {"name", "equal", "leaks",
  // "seconds"}, and where it is not equal {"run": 1 | 2 | 3, "stage", "place", "message"} of the first run that differs,
  // {"max_abs", "max_rel"} where numbers do, {"differing", "of"} where tensors do.
  Value json;
};

// Hashes are checked first and stop the rest where they fail. The examples run in one engine of one worker, the second time
// in the opposite order, and a third time joined with others; one that does not give the same both times "leaks": state of
// other items (or of its own first run) reached it. Throws what start_session throws.
Report verify(const std::shared_ptr<const Bundle> &, const EngineOptions &, const VerifyOptions &);
// Only the examples: for pack. The report's JSON is the list of rows.
Report verify_examples(const std::shared_ptr<const Bundle> &, EngineOptions, const StartSession &);
// The first row that is not equal as one line; empty if there is none.
std::string first_difference(const Value &rows);

}  // namespace mrun
