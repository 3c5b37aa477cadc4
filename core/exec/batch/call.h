// A model call of one item that waits for companions: what it asks for, and what decides whom it can be joined with.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "bundle/manifest.h"
#include "plugin/schema.h"
#include "script/vm/model_call.h"
#include "value/tensor.h"

namespace mrun {

struct PendingCall {
  size_t model = 0, method = 0;  // in Loaded::models, in Model::methods
  bool by_rows = false;          // MRUN_AWAIT_ROWS: rows in dimension 0, whatever [batch] says
  std::vector<Value> args;       // one a parameter; a joined call reads them until its batch has been split

  std::string key;  // calls with equal keys can be joined
  bool alone =
      false;         // never joined: mode none, tensors of different rows, results that are none, or a device's memory
  int64_t rows = 1;  // that it brings to the batch
  Shape lengths;     // of the first padded argument: its padded dimensions, rounded up to their multiple
  int64_t tokens() const;  // rows times lengths
};

// What came of a call.
struct Outcome {
  std::vector<Value> results;
  std::optional<Error> error;
};

PendingCall pending(ModelCall &&);
// Fills in the key, rows and lengths. `exact`: only equal lengths are joined, since the filling changes bits.
void prepare(PendingCall &, const Schema &, const BatchConfig &, bool exact);

// Which calls go together: the oldest (the first), then those whose lengths are nearest to its, while the limits of
// `config` hold. calls: of one key, oldest first. Returns positions in `calls`, ascending.
struct Selection {
  std::vector<size_t> calls;
  bool full = false;  // no further call would have fitted
};
Selection select(std::span<const PendingCall *const> calls, const BatchConfig &);

}  // namespace mrun
