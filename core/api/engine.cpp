#include "api/engine_options.h"

#include <unistd.h>

#include <cmath>

#include "base/text.h"
#include "value/json.h"

using mrun::Session;
using mrun::Value;
using mrun::Work;
using mrun::api::copy_string;
using mrun::api::find;
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

// What the host frees by mrun_result_free. Throws bad_alloc, with what it has made so far in `out`.
void fill_result(mrun::Result &&result, bool json, mrun_result *out) {
  *out = mrun_result{};
  fill_timings(result.timings, &out->time);
  if (result.ok()) {
    if (json) out->json = copy_string(result.json);
    out->answer = result.answer.release();
  } else {
    fill_error(*result.error, json, out);
  }
}

void fill_result_safely(mrun::Result &&result, bool json, mrun_result *out) {
  const int code = guard(nullptr, [&] { fill_result(std::move(result), json, out); });
  if (code == MRUN_OK) return;
  mrun_result_free(out);  // what it got so far
  out->code = code;
  out->stage = "engine";
}

// Of a call that could not run its item; its error is there.
void fill_refusal(int code, bool json, mrun_result *out) {
  out->code = code;
  out->stage = "engine";
  if (!json) return;
  mrun::Error e(static_cast<mrun_code>(code), out->error.message == nullptr ? "" : out->error.message);
  e.stage = out->stage;
  guard(nullptr, [&] { out->json = copy_string(error_line(e)); });
}

// Seconds that a host gives; 0 stands for the default. Throws USAGE, for what is no number, too.
double seconds(const char *name, double given) {
  if (!(given >= 0)) mrun::fail(MRUN_USAGE, "{}: want seconds, 0 for the default, got {}", name, given);
  return given;
}

bool wants_json(const mrun_item &item) { return item.json != 0 || item.json_only != 0; }

Work make_work(Session &session, const mrun_value *input, const mrun_item *given) {
  const mrun_item item = mrun::api::sized(given, "mrun_item");
  Work work;
  work.input = mrun::api::host_value(input);
  work.timeout = seconds("mrun_item.timeout", item.timeout);
  work.deadline = seconds("mrun_item.deadline", item.deadline);
  work.json = wants_json(item);
  work.answer = item.json_only == 0;
  if (item.emit != nullptr) {
    work.emit = [emit = item.emit, user = item.emit_user](const Value &v) {
      mrun::api::call_host([&] { emit(user, &v.c()); });
    };
  }
  work.number = item.numbered != 0 ? item.number : session.next_number();  // of what is refused above, none
  return work;
}

// What a host's callback gets. Two pointers alone: so much a std::function holds without memory of its own.
template <bool json>
struct HostAnswer {
  mrun_done done;
  void *user;
  void operator()(uint64_t, mrun::Result &&result) const {
    mrun_result out;
    fill_result_safely(std::move(result), json, &out);
    mrun::api::call_host([&] { done(user, &out); });
    mrun_result_free(&out);
  }
};

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
  if (out == nullptr) return usage(error, "mrun_start: out must not be NULL");
  *out = nullptr;
  return guard(error, [&] {
    auto engine = std::make_shared<mrun_engine>();
    const auto opened = mrun::api::bundle_of(bundle);
    const auto start = mrun::api::isolation_of(*opened, options);
    engine->session = start(opened, mrun::api::engine_options(options));
    engine->process = ::getpid();
    mrun::api::note_start();
    *out = mrun::api::keep(std::move(engine));
  });
}

int mrun_drain(mrun_engine *engine) {
  return guard(nullptr, [&] { find(engine)->session->drain(); });
}

int mrun_end(mrun_engine *engine) {
  return guard(nullptr, [&] { find(engine)->session->end_input(); });
}

int mrun_run(mrun_engine *engine, const mrun_value *input, const mrun_item *item, mrun_result *out) {
  if (out == nullptr) return usage(nullptr, "mrun_run: out must not be NULL");
  *out = mrun_result{};
  mrun::Result result;
  bool json = false;
  const int code = guard(&out->error, [&] {
    json = wants_json(mrun::api::sized(item, "mrun_item"));
    const auto running = find(engine);
    result = running->session->run(make_work(*running->session, input, item));
  });
  if (code != MRUN_OK) {
    fill_refusal(code, json, out);
    return code;
  }
  fill_result_safely(std::move(result), json, out);
  return out->code;
}

int mrun_submit(mrun_engine *engine, const mrun_value *input, const mrun_item *item, double wait, mrun_done done,
                void *user, uint64_t *id) {
  if (done == nullptr) return usage(nullptr, "mrun_submit: done must not be NULL");
  return guard(nullptr, [&] {
    const auto running = find(engine);
    if (std::isnan(wait)) mrun::fail(MRUN_USAGE, "mrun_submit: wait: want seconds, got {}", wait);
    Work work = make_work(*running->session, input, item);
    const mrun::Done answer =
        work.json ? mrun::Done(HostAnswer<true>{done, user}) : mrun::Done(HostAnswer<false>{done, user});
    const uint64_t made = running->session->submit(std::move(work), wait, answer);
    if (id != nullptr) *id = made;
  });
}

int mrun_cancel(mrun_engine *engine, uint64_t id) {
  return guard(nullptr, [&] {
    if (!find(engine)->session->cancel(id)) mrun::fail(MRUN_MISSING, "no item {} waits or runs", id);
  });
}

int mrun_ordered(mrun_engine *engine, int32_t yes) {
  return guard(nullptr, [&] { find(engine)->session->set_ordered(yes != 0); });
}

int mrun_statistics(mrun_engine *engine, char **json) {
  if (json == nullptr) return usage(nullptr, "mrun_statistics: json must not be NULL");
  return guard(nullptr, [&] { *json = copy_string(mrun::to_json(find(engine)->session->statistics())); });
}

}  // extern "C"
