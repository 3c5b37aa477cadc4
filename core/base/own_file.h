// Where this code was installed.
#pragma once
#include <filesystem>

namespace mrun {

// The file that holds this code, as it was loaded: the library, or the program where it is linked in. Links are followed. Empty
// where the system does not say.
const std::filesystem::path &own_file();

}  // namespace mrun
