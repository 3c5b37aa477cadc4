// What native code did to the arguments that it was lent.
#pragma once
#include <vector>

#include "value/value.h"

namespace mrun {

// A copy that shares no memory with the value, but for objects, functions and tensors that are large or on another device.
Value apart(const Value &);

// References to a value and all that lies in it, so that nobody's mistake ends it early. Of a value that `apart` gave.
class Holds {
 public:
  explicit Holds(const Value &v) { hold(v); }
  // Whether somebody let go of what was not his; that is made good.
  bool mend();

 private:
  void hold(const Value &);
  std::vector<Value> held_;
};

}  // namespace mrun
