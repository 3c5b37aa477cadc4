// One joined model call from its calls to their results: collate -> model -> split.
#pragma once
#include "exec/batch/call.h"
#include "exec/model.h"

namespace mrun {

// A call and the item that it is charged to.
struct JoinedCall {
  const PendingCall *call = nullptr;
  ItemContext *item = nullptr;
};

struct JoinedRun {
  std::vector<Outcome> outcomes;  // one a call, in order
  std::optional<Error> failure;   // of the joined call, where it failed; each was then tried alone
  int64_t given = 0, filled = 0;  // elements of the batch's arguments: the calls' own, and what was added to join them
};

// Runs calls of one key on `model`. If the joined call fails, each is tried alone, so that one bad item costs only itself.
// A call of more rows than [batch] max_size is run in parts. Never throws but bad_alloc.
JoinedRun run_joined(Model &model, std::span<const JoinedCall> calls);

}  // namespace mrun
