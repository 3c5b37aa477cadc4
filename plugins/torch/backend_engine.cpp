#include "backend_engine.h"

#include <ATen/Context.h>

#include <algorithm>
#include <mrun/plugin.hpp>
#include <mutex>

namespace mrun_torch {
namespace {

std::string name_of(at::QEngine engine) {
  std::string text = c10::toString(engine);
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

at::QEngine engine_of(const std::string &wanted) {
  std::string known;
  for (const at::QEngine engine : at::globalContext().supportedQEngines()) {
    if (engine == at::QEngine::NoQEngine) continue;  // a name that it lists: nothing quantized opens with it
    if (name_of(engine) == wanted) return engine;
    known += (known.empty() ? "" : ", ") + name_of(engine);
  }
  throw mrun::error(MRUN_BUNDLE,
                    "model option quantized_engine: this libtorch has no \"" + wanted + "\", only " + known);
}

[[noreturn]] void refuse_second_engine(const std::string &who, at::QEngine held) {
  throw mrun::error(MRUN_USAGE, who + ": another open model runs on \"" + name_of(held) +
                                    "\", and libtorch has one engine for the whole process");
}

struct Process {
  std::mutex mutex;
  int holders = 0;
  at::QEngine own{}, held{};  // own: before the first held it
};

Process &process() {
  static Process p;
  return p;
}

class Hold {
 public:
  explicit Hold(const std::string &wanted) {
    Process &p = process();
    const std::lock_guard lock(p.mutex);
    if (p.holders == 0) p.own = p.held = at::globalContext().qEngine();
    const at::QEngine engine = wanted.empty() ? p.own : engine_of(wanted);
    if (p.holders > 0 && engine != p.held) {
      refuse_second_engine(
          wanted.empty()
              ? "the model has quantized layers and names no quantized_engine, so it wants \"" + name_of(engine) + "\""
              : "model option quantized_engine",
          p.held);
    }
    at::globalContext().setQEngine(engine);
    p.held = engine;
    ++p.holders;
  }
  Hold(const Hold &) = delete;
  ~Hold() {
    Process &p = process();
    const std::lock_guard lock(p.mutex);
    if (--p.holders > 0 || p.own == p.held) return;
    at::globalContext().setQEngine(p.own);
  }
};

}  // namespace

std::shared_ptr<const void> hold_engine(const std::string &name) { return std::make_shared<const Hold>(name); }

std::shared_ptr<const void> hold_own_engine() { return hold_engine(""); }

}  // namespace mrun_torch
