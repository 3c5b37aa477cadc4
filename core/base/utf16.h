// What is no text here and says so itself: a file that Windows' editors and its `>` wrote in UTF-16.
#pragma once
#include <string_view>

namespace mrun {

// By its byte order mark, which no UTF-8 begins with.
inline bool is_utf16(std::string_view bytes) { return bytes.starts_with("\xff\xfe") || bytes.starts_with("\xfe\xff"); }

}  // namespace mrun
