// Options given as a map whose keys are the command's long options: each read once, unknown ones refused.
#pragma once
#include <set>
#include <string>

#include "value/value.h"

namespace mrun::api {

class MapOptions {
 public:
  // options: a map, or nil. `function` begins the messages.
  MapOptions(Value options, std::string function);
  bool flag(const std::string &name);         // false where absent
  std::string text(const std::string &name);  // "" where absent
  void finish() const;                        // throws USAGE for a key that nobody asked for

 private:
  const Value *take(const std::string &name);
  Value options_;
  std::string function_;
  std::set<std::string> known_;
};

}  // namespace mrun::api
