#include "isolate/remote/failures.h"

#include "exec/input.h"

namespace mrun {
namespace {

// What make() gives, or what stands for it without memory.
template <class F>
auto or_memory(F &&make) noexcept -> decltype(make()) {
  try {
    return make();
  } catch (const std::exception &) {
    if constexpr (std::is_same_v<decltype(make()), Error>) {
      return out_of_memory();
    } else {
      return starved();
    }
  }
}

Result with(Error e, const char *stage) {
  Result result;
  e.stage = std::string_view(stage) == "answer" ? "postprocess" : stage;
  result.error = std::move(e);
  return result;
}

}  // namespace

Error out_of_memory() noexcept { return *Failure::of_memory(); }

Result starved() noexcept {
  Result result;
  result.error = Failure::of_memory();
  return result;
}

Result failed(const Error &e, const char *stage) noexcept {
  return or_memory([&] { return with(e, stage); });
}

Result too_long(const Work &work, double limit, double waited, const char *stage) noexcept {
  return or_memory([&] {
    const double own = work.timeout > 0 ? work.timeout : limit;
    const bool late = own <= 0 || (work.deadline > 0 && waited >= work.deadline);
    const std::string what =
        late ? "was not answered before its deadline"
             : fmt::format("took longer than its limit of {} s (--timeout; timeout of mrun_options)", own);
    return with({MRUN_TIMEOUT, fmt::format("the item {}; the worker process was ended", what)}, stage);
  });
}

Result unsent(const Value &input, const Error &e) noexcept {
  return or_memory([&] {
    try {
      check_texts(input);
    } catch (const Error &in_it) { return with(in_it, in_it.stage.empty() ? "engine" : in_it.stage.c_str()); }
    return with(e, e.stage.empty() ? "engine" : e.stage.c_str());
  });
}

Error end_of(RemoteWorker &worker) noexcept {
  return or_memory([&] { return Error(MRUN_CRASH, fmt::format("the worker process {}", worker.end())); });
}

}  // namespace mrun
