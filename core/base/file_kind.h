// What a file is that is none of the wanted kind, by how it begins: for messages.
#pragma once
#include <string_view>

namespace mrun {

// "empty", "a pointer of Git LFS, …", "a web page or XML, …", "a JPEG picture", "a text"; nothing where it is not known.
std::string_view file_kind(std::string_view first_bytes);

}  // namespace mrun
