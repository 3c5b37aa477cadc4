// Standard output carries answers alone: whatever libraries print there while they are loaded or called (LAPACK's
// complaints, say) goes to standard error.
#pragma once
#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

namespace command {

void keep_standard_output();  // once, before anything else
int answers_fd();             // what was standard output
// As write(2), but waits where the descriptor does not: another program that shares it may have asked for that.
ssize_t write_some(int fd, std::string_view bytes);
// The descriptor that a path stands for, as /dev/stdout and /dev/fd/3 do, links to them too: it is written to as it is. What
// the system knows as standard output is standard error by now.
std::optional<int> descriptor_named(const std::string &path);

}  // namespace command
