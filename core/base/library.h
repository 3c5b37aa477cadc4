// Opening shared libraries beside whatever else the process has loaded.
#pragma once
#include <string>

namespace mrun {

// dlopen with library_flags(true). Throws MISSING with the loader's reason.
void *open_at_home(const std::string &file);

// What dlopen is given, so that a library finds what it and its own libraries export before what the process does: a
// host may have another Lua, or another protobuf.
//
// Not where the process brings another malloc or operator new (jemalloc, a sanitizer): memory would then be taken from
// one and given back to the other. `own_memory`: the library gives back only memory that it took with the same
// function, which leaves operator new alone to be asked about. Any thread.
int library_flags(bool own_memory);

}  // namespace mrun
