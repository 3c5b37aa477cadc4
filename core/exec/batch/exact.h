// Exact batches ([batch] exact, --exact): an answer has the same bits whatever it is joined with.
//
// A batch is filled up to a size of a ladder, by repeating its last row: 16 rows, then multiples of 8. Linear algebra
// libraries choose their kernels by the number of rows; at the sizes of the ladder those tried give a row the same bits
// whatever the size, its place and its companions. That is measured, not promised by anyone, so it is proven where it runs:
// before the first batch of each kind (method and shapes) one of its own rows is run at every size and at both ends, and
// must give the same bits each time.
#pragma once
#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_set>

#include "exec/batch/call.h"

namespace mrun {

class Model;
struct ItemContext;

inline constexpr int64_t exact_least = 16, exact_step = 8;

// The smallest size of the ladder that holds `rows`.
inline int64_t exact_size(int64_t rows) {
  return rows <= exact_least ? exact_least : (rows + exact_step - 1) / exact_step * exact_step;
}

// What a model has proven so far. Any thread.
class ExactProof {
 public:
  // Throws MODEL "not exact here: …" where a row's bits depend on where it stands.
  void want(Model &, const PendingCall &, ItemContext &);

 private:
  std::mutex mutex_;
  std::unordered_set<std::string> proven_;  // keys of calls
};

}  // namespace mrun
