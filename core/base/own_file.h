// Where this code was installed.
#pragma once
#include <filesystem>

namespace mrun {

// The file that holds this code: the library, or the program where it is linked in. Links are followed. Empty where the file
// is not there any more, as after an update.
std::filesystem::path own_file();

}  // namespace mrun
