// Exact batches ([batch] exact, --exact): an answer has the same bits whatever it is joined with.
//
// Linear algebra libraries choose their kernels by the number of rows, so every batch is filled up to one size, 16 rows, by
// repeating its last row; larger ones are run in parts. Whether a row's bits then depend on its place and its companions is
// the library's secret: some do, on some processors. So it is proven where it runs: before the first batch of each kind
// (method and shapes) rows like its own are run at several places among others, and must give the same bits each time.
#pragma once
#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>

#include "exec/batch/call.h"

namespace mrun {

class Model;
struct ItemContext;

inline constexpr int64_t exact_rows = 16;

// What a model has proven so far. Any thread.
class ExactProof {
 public:
  // Throws MODEL "not exact here: …" where a row's bits depend on where it stands.
  void want(Model &, const PendingCall &, ItemContext &);

 private:
  std::mutex mutex_;
  std::unordered_map<std::string, bool> exact_;  // by the calls' key
};

}  // namespace mrun
