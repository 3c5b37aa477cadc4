// Values that a host hands over: what can be told to be wrong is refused before anything reads it.
#include "api/handles.h"
#include "value/foreign.h"

namespace mrun::api {

Value host_value(const mrun_value *v) {
  if (v == nullptr) fail(MRUN_USAGE, "a value is NULL");
  const std::string wrong = malformed(*v, host_writer);
  if (!wrong.empty()) fail(MRUN_USAGE, "{}", wrong);
  return Value::copy(*v);
}

}  // namespace mrun::api
