#include "exec/engine/trace.h"

#include "value/json.h"

namespace mrun {

Trace::Trace(const EngineOptions &o)
    : sink_(o.trace),
      process_(o.process),
      start_(o.trace_begin > 0 ? Clock::time_point(std::chrono::nanoseconds(o.trace_begin)) : Clock::now()) {}

void Trace::event(int seat, const std::string &name, const std::string &args, Clock::time_point begin,
                  Clock::time_point end) const {
  const auto micros = [](Clock::duration d) { return std::chrono::duration<double, std::micro>(d).count(); };
  try {
    sink_(fmt::format(R"({{"name":{},"ph":"X","pid":{},"tid":{},"ts":{:.3f},"dur":{:.3f},"args":{{{}}}}})",
                      to_json(Value::string(name)), process_, seat + 1, micros(begin - start_), micros(end - begin),
                      args));
  } catch (...) {
    // Without memory, or of a sink that throws: an event is left out, the worker goes on.
  }
}

void Trace::name_rows(size_t seats) const {
  if (!on()) return;
  const std::string name = process_ == 1 ? "mrun" : fmt::format("mrun, process {}", process_);
  sink_(fmt::format(R"({{"name":"process_name","ph":"M","pid":{},"args":{{"name":"{}"}}}})", process_, name));
  for (size_t i = 1; i <= seats; ++i) {
    sink_(fmt::format(R"({{"name":"thread_name","ph":"M","pid":{},"tid":{},"args":{{"name":"worker {}"}}}})", process_,
                      i, i));
  }
}

void Trace::slice(int seat, const char *first, const char *last, uint64_t item, Clock::time_point begin,
                  Clock::time_point end) const {
  if (!on()) return;
  const std::string name = std::string_view(first) == last ? first : fmt::format("{} to {}", first, last);
  event(seat, name, fmt::format(R"("item":{})", item), begin, end);
}

void Trace::batch(int seat, const Model &model, std::span<const JoinedCall> calls, Clock::time_point begin,
                  Clock::time_point end) const {
  if (!on()) return;
  int64_t rows = 0;
  for (const JoinedCall &c : calls) rows += c.call->rows;
  const std::string &method = model.methods()[calls.front().call->method].name;
  event(seat, fmt::format("{}:{} x{}", model.name(), method, calls.size()),
        fmt::format(R"("calls":{},"rows":{})", calls.size(), rows), begin, end);
}

}  // namespace mrun
