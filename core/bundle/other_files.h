// Files that are given for bundles.
#pragma once
#include <string>
#include <string_view>

namespace mrun {

// What a file is that does not begin as a bundle does, and what leads from it to one: "is no bundle but a model by itself; …". Empty: not
// known. The last 64 KiB tell what an archive holds.
std::string other_than_bundle(std::string_view path, std::string_view first_bytes, std::string_view last_bytes);
// "an ONNX model; no backend of mrun's own opens it: …", by the name's end. Empty: not known.
std::string other_model_by_name(std::string_view path);
bool is_model_name(std::string_view path);  // as people call files of TorchScript and the like, wherever they lie

}  // namespace mrun
