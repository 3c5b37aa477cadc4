// The engine that runs quantized layers. libtorch has one for the process, so open models hold it: while one does, another
// engine is refused, and when the last has gone it is again what it was. Else what a model answers, and whether it opens,
// would depend on the models before it.
#pragma once
#include <memory>
#include <string>

namespace mrun_torch {

// By any thread. Throw mrun::error: BUNDLE where libtorch has no such engine, USAGE where an open model holds another.
std::shared_ptr<const void> hold_engine(const std::string &name);  // sets it
std::shared_ptr<const void> hold_own_engine();                     // that of the process, for a model that names none

}  // namespace mrun_torch
