// The beginning of a bundle: a folder that runs as it is, with every line explained.
#pragma once
#include <filesystem>
#include <string_view>

namespace mrun {

// kind: text, image, audio, bytes, json, tensor or record. Throws USAGE for another kind, a name that is not UTF-8,
// and where something of that name is there already. The folder appears whole or not at all.
void make_new(const std::filesystem::path &folder, std::string_view kind);

}  // namespace mrun
