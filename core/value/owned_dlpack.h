// A DLPack tensor that was handed over: its deleter runs once, unless release() hands it on.
#pragma once
#include <memory>

#include "base/let_go.h"

namespace mrun {

// Managed: DLManagedTensor or DLManagedTensorVersioned.
template <class Managed>
struct DlpackDeleter {
  void operator()(Managed *dl) const noexcept {
    if (dl->deleter != nullptr) let_go("a tensor", [dl] { dl->deleter(dl); });
  }
};
template <class Managed>
using OwnedDlpack = std::unique_ptr<Managed, DlpackDeleter<Managed>>;

}  // namespace mrun
