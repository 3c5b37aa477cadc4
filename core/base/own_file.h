// Where this code was installed.
#pragma once
#include <filesystem>

namespace mrun {

// The file that holds this code: the library, or the program where it is linked in. Links are followed.
std::filesystem::path own_file();

}  // namespace mrun
