// Files that are given for bundles.
#pragma once
#include <string>
#include <string_view>

namespace mrun {

// What a file is that does not begin as a bundle does, and what leads from it to one: "is no bundle but a model by itself; …". Empty: not
// known. The last 64 KiB tell what an archive holds.
std::string other_than_bundle(std::string_view path, std::string_view first_bytes, std::string_view last_bytes);
bool is_model_name(std::string_view path);  // as people call files of TorchScript and the like, wherever they lie

}  // namespace mrun
