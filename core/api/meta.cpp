// What an answer was made with, and whether another one is the same.
#include "author/meta.h"
#include "api/handles.h"
#include "author/compare.h"
#include "base/hash.h"
#include "value/json.h"

using mrun::Value;
using mrun::api::copy_string;
using mrun::api::guard;
using mrun::api::usage;

extern "C" {

int mrun_meta(mrun_engine *engine, uint64_t number, char **json, mrun_error *error) {
  if (engine == nullptr || json == nullptr) return usage(error, "mrun_meta: engine and json must not be NULL");
  return guard(error, [&] { *json = copy_string(mrun::to_json(mrun::meta_of(*engine->engine, number))); });
}

int mrun_sha256(const void *data, size_t size, char hex[65]) {
  if ((data == nullptr && size > 0) || hex == nullptr) return MRUN_USAGE;
  return guard(nullptr, [&] {
    const std::string digest = mrun::sha256_hex({static_cast<const char *>(data), size});
    std::memcpy(hex, digest.c_str(), digest.size() + 1);
  });
}

int mrun_same_answer(const mrun_bundle *bundle, const mrun_value *expected, const mrun_value *answer,
                     mrun_error *error) {
  if (bundle == nullptr || expected == nullptr || answer == nullptr)
    return usage(error, "mrun_same_answer: an argument is NULL");
  return guard(error, [&] {
    const mrun::Manifest &m = bundle->bundle->manifest();
    const Value got = mrun::answer_as_json(Value::copy(*answer));
    const auto d = mrun::compare(Value::copy(*expected), got, {m.rtol, m.atol}, "answer");
    if (d) mrun::fail(MRUN_VERIFY, "{}: {}", d->place, d->message);
  });
}

}  // extern "C"
