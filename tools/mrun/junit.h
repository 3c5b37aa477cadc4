// The report of `verify` as the XML that CI systems read.
#pragma once
#include "view.h"

namespace command {

// One suite named `bundle`, a case for the hashes and one for each example. Written whole or not at all; throws
// mrun::failure (MRUN_IO).
void write_junit(const std::string &path, const std::string &bundle, const View &report);
// One case that ended in an error: the bundle could not be run.
void write_junit_error(const std::string &path, const std::string &bundle, const std::string &message);

}  // namespace command
