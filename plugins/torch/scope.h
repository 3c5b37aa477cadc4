// What everything that runs operators runs under.
#pragma once
#include <ATen/core/grad_mode.h>
#include <c10/core/InferenceMode.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <mrun/plugin.h>

#include <cstdint>
#include <optional>

namespace mrun_torch {

// For the lifetime of a call, on its thread: inference mode, as many operator threads as the host allows, the checks in
// front of libtorch's kernels (checks.h), and libtorch's CPU memory charged to the call's budget: an allocation that the
// budget refuses throws mrun::failed. Scopes nest. Loading a model is not charged, since the model outlives the call. It is
// in inference mode, too, before libtorch 2: a view of a weight that were not of that mode would be followed as for a
// gradient. With libtorch 2.6 a GRU whose weights are of that mode has other last bits than the one that Python loads.
class Scope {
 public:
  enum Kind { run, load };
  explicit Scope(mrun_call *call, Kind kind = run);
  ~Scope();
  Scope(const Scope &) = delete;
  Scope &operator=(const Scope &) = delete;

 private:
  c10::InferenceMode mode_;
  std::optional<at::NoGradGuard> no_grad_;  // of loading outside of that mode
  c10::impl::IncludeDispatchKeyGuard checks_;
  mrun_call *outer_call_;
  uint64_t outer_serial_;
};

// Charges the call that runs on this thread, if any, until it ends: memory that libtorch's allocator does not see.
void charge_current(int64_t count, int64_t bytes_each);

// Throws where the call that runs on this thread must end.
void poll_current();

// Once a process, before any operator: the charging allocator, the checks, and one inter-operator thread.
void prepare_libtorch();

}  // namespace mrun_torch
