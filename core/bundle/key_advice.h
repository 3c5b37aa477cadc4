// What was probably meant by a section or key that bundle.toml does not have.
#pragma once
#include <string>
#include <string_view>

namespace mrun {

// For the end of a message: "; the parameters of the scripts are [params]"; empty where nothing is known.
std::string section_advice(std::string_view name);
// The same of a key within `section` ("[bundle]"; empty: above all): "; it is a key of [input]".
std::string key_advice(std::string_view key, std::string_view section);

}  // namespace mrun
