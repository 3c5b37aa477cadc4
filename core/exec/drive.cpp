#include "exec/item.h"

namespace mrun {
namespace {

Fiber::Status run_call(ItemRun &run, Fiber &fiber) {
  ModelCall &call = fiber.call();
  std::vector<Value> results;
  try {
    results = run.models.at(call.model)->call(*run.context, call.method, std::move(call.args));
  } catch (const Error &e) { return fiber.resume(e); }
  return fiber.resume(std::move(results));
}

}  // namespace

std::vector<Value> drive(ItemRun &run, Fiber &fiber) {
  Fiber::Status status = fiber.resume();
  for (;;) {
    switch (status) {
      case Fiber::Status::finished: return std::move(fiber.results());
      case Fiber::Status::failed: throw fiber.error();
      case Fiber::Status::waiting: status = run_call(run, fiber); break;
      case Fiber::Status::preempted: status = fiber.resume(); break;
    }
  }
}

}  // namespace mrun
