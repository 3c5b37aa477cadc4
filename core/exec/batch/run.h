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

// Runs calls of one key on `model`, one outcome a call, in order. If the joined call fails, each is tried alone, so that
// one bad item costs only itself. A call of more rows than [batch] max_size is run in parts. Never throws but
// bad_alloc.
std::vector<Outcome> run_joined(Model &model, std::span<const JoinedCall> calls);

}  // namespace mrun
