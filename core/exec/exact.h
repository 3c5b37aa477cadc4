// Exact batches ([batch] exact, --exact): an answer has the same bits whatever it is joined with.
//
// Linear algebra libraries choose their kernels by the number of rows, so every batch of a kind is filled up to one size, 16
// rows or a smaller one of a ladder, by repeating its last row; larger ones are run in parts. Whether a row's bits then depend on its place and its companions is
// the library's secret: some do, on some processors. So it is proven where it runs: before the first batch of each kind
// (method and shapes) rows like its own are run at several places among others, and must give the same bits each time.
#pragma once
#include "exec/batch/call.h"
#include "exec/model.h"

namespace mrun {

// The rows of each batch of calls of its key. The call has rows. Throws MODEL "not exact here: …" where a row's bits depend on where it stands.
int64_t want_exact(Model &, const PendingCall &, ItemContext &);

}  // namespace mrun
