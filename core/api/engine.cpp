#include "api/engine_options.h"
#include "base/text.h"
#include "value/json.h"

using mrun::Session;
using mrun::Value;
using mrun::Work;
using mrun::api::copy_string;
using mrun::api::guard;
using mrun::api::usage;

namespace {

const char *static_stage(const std::string &stage) {
  for (const char *name : {"input", "preprocess", "forward", "postprocess"}) {
    if (stage == name) return name;
  }
  return "engine";
}

std::string error_line(const mrun::Error &e) {
  const Value error = Value::map({{"code", Value::string(mrun::code_name(e.code))},
                                  {"stage", Value::string(e.stage)},
                                  {"message", Value::string(mrun::printable(e.message, SIZE_MAX))}});
  return mrun::to_json(Value::map({{"error", error}}));
}

void fill_error(const mrun::Error &e, bool json, mrun_result *out) {
  out->code = e.code;
  out->stage = static_stage(e.stage);
  mrun::api::set_error(&out->error, e);
  if (json) out->json = copy_string(error_line(e));
}

void fill_timings(const mrun::Timings &t, mrun_timings *out) {
  *out = {t.queue, t.preprocess, t.batch, t.forward, t.postprocess, t.batch_size};
}

void fill_result(mrun::Result &&result, bool json, mrun_result *out) {
  *out = mrun_result{};
  fill_timings(result.timings, &out->time);
  if (result.ok()) {
    if (json) out->json = copy_string(result.json);
    out->answer = result.answer.release();
  } else {
    fill_error(result.error, json, out);
  }
}

void fill_result_safely(mrun::Result &&result, bool json, mrun_result *out) {
  const int code = guard(nullptr, [&] { fill_result(std::move(result), json, out); });
  if (code == MRUN_OK) return;
  *out = mrun_result{};
  out->code = code;
  out->stage = "engine";
}

Work make_work(Session &session, const mrun_value *input, const mrun_item &item) {
  Work work;
  work.number = item.numbered != 0 ? item.number : session.next_number();
  work.input = Value::copy(*input);
  work.timeout = item.timeout;
  work.deadline = item.deadline;
  work.json = item.json != 0;
  if (item.emit != nullptr) {
    work.emit = [emit = item.emit, user = item.emit_user](const Value &v) { emit(user, &v.c()); };
  }
  return work;
}

}  // namespace

extern "C" {

void mrun_result_free(mrun_result *result) {
  if (result == nullptr) return;
  mrun_error_free(&result->error);
  mrun_value_free(&result->answer);
  mrun_free(result->json);
  *result = mrun_result{};
}

int mrun_start(mrun_bundle *bundle, const mrun_options *options, mrun_engine **out, mrun_error *error) {
  if (bundle == nullptr || out == nullptr) return usage(error, "mrun_start: bundle and out must not be NULL");
  *out = nullptr;
  return guard(error, [&] {
    auto engine = std::make_unique<mrun_engine>();
    const auto start = mrun::api::isolation_of(*bundle->bundle, options);
    engine->session = start(bundle->bundle, mrun::api::engine_options(options));
    *out = engine.release();
  });
}

void mrun_stop(mrun_engine *engine) { delete engine; }

int mrun_drain(mrun_engine *engine) {
  if (engine == nullptr) return MRUN_USAGE;
  return guard(nullptr, [&] { engine->session->drain(); });
}

int mrun_end(mrun_engine *engine) {
  if (engine == nullptr) return MRUN_USAGE;
  return guard(nullptr, [&] { engine->session->end_input(); });
}

int mrun_run(mrun_engine *engine, const mrun_value *input, const mrun_item *item, mrun_result *out) {
  if (out == nullptr) return MRUN_USAGE;
  *out = mrun_result{};
  if (engine == nullptr || input == nullptr) {
    out->code = usage(&out->error, "mrun_run: engine and input must not be NULL");
    out->stage = "engine";
    return out->code;
  }
  const mrun_item given = mrun::api::sized(item);
  mrun::Result result;
  const int code =
      guard(&out->error, [&] { result = engine->session->run(make_work(*engine->session, input, given)); });
  if (code != MRUN_OK) {
    out->code = code;
    out->stage = "engine";
    return code;
  }
  fill_result_safely(std::move(result), given.json != 0, out);
  return out->code;
}

int mrun_submit(mrun_engine *engine, const mrun_value *input, const mrun_item *item, double wait, mrun_done done,
                void *user, uint64_t *id) {
  if (engine == nullptr || input == nullptr || done == nullptr) return MRUN_USAGE;
  const mrun_item given = mrun::api::sized(item);
  return guard(nullptr, [&] {
    const auto answer = [done, user, json = given.json != 0](uint64_t, mrun::Result &&result) {
      mrun_result out;
      fill_result_safely(std::move(result), json, &out);
      done(user, &out);
      mrun_result_free(&out);
    };
    const uint64_t made = engine->session->submit(make_work(*engine->session, input, given), wait, answer);
    if (id != nullptr) *id = made;
  });
}

int mrun_cancel(mrun_engine *engine, uint64_t id) {
  if (engine == nullptr) return MRUN_USAGE;
  return engine->session->cancel(id) ? MRUN_OK : MRUN_MISSING;
}

int mrun_ordered(mrun_engine *engine, int32_t yes) {
  if (engine == nullptr) return MRUN_USAGE;
  return guard(nullptr, [&] { engine->session->set_ordered(yes != 0); });
}

int mrun_statistics(mrun_engine *engine, char **json) {
  if (engine == nullptr || json == nullptr) return MRUN_USAGE;
  return guard(nullptr, [&] { *json = copy_string(mrun::to_json(engine->session->statistics())); });
}

}  // extern "C"
