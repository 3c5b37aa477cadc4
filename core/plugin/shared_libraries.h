// The shared libraries that plugins are linked with, as they are on this machine: answers may depend on them.
#pragma once
#include <map>
#include <string>
#include <vector>

namespace mrun {

// By the name that a plugin asks for, the file that was loaded: {"libjpeg.so.62": "libjpeg.so.62.3.0"}. Of each of the loaded
// `files` what it names itself, and what computes behind that: linear algebra (libblas.so.3: OpenBLAS or another), kernels
// (oneDNN, XNNPACK, SLEEF), the formats that libsndfile and libtiff read by others. LuaJIT; of the language's own libraries
// libm alone, by glibc's version. Looked up again when the files are others than last time. Any thread.
std::map<std::string, std::string> shared_libraries(const std::vector<std::string> &files);

// The file of this process that is another version of a library ("libtorch_cpu.so.1.13": libtorch_cpu.so.2.6, say); empty:
// there is none. Any thread.
std::string other_version(const std::string &soname);

}  // namespace mrun
