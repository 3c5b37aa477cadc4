// libtorch's warnings go to the call's log instead of standard error.
#pragma once
#include <c10/util/Exception.h>
#include <mrun/plugin.h>
#include <torch/version.h>

#include <string>

namespace mrun_torch {

#if TORCH_VERSION_MAJOR >= 2
namespace warning = c10::WarningUtils;
#else
namespace warning = c10::Warning;
#endif

// For the lifetime of a call, on its thread.
class Warnings final : public c10::WarningHandler {
 public:
  explicit Warnings(mrun_call *call) : call_(call), guard_(this) {}
#if TORCH_VERSION_MAJOR >= 2
  void process(const c10::Warning &w) override { log(w.msg()); }
#else
  void process(const c10::SourceLocation &, const std::string &text, const bool) override { log(text); }
#endif

 private:
  void log(const std::string &text) const;

  mrun_call *call_;
  warning::WarningHandlerGuard guard_;
};

}  // namespace mrun_torch
