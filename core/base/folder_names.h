// What lies in a folder.
#pragma once
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

namespace mrun {

// The names in a folder, in no order. By readdir: std::filesystem's iterators end the process where memory ends under them
// (they go on in a function that must not throw). Throws IO, or says so in `error`; and bad_alloc.
std::vector<std::string> folder_names(const std::filesystem::path &);
std::vector<std::string> folder_names(const std::filesystem::path &, std::error_code &error);

}  // namespace mrun
