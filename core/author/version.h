// The project's version, as it is written into what is packed.
#pragma once
namespace mrun {
inline constexpr const char *version = MRUN_PROJECT_VERSION;
}
