// Standard output carries answers alone: whatever libraries print there while they are loaded or called (LAPACK's
// complaints, say) goes to standard error.
#pragma once
#include <cstdio>

namespace command {

void keep_standard_output();  // once, before anything else
int answers_fd();             // what was standard output
std::FILE *answers_file();

}  // namespace command
