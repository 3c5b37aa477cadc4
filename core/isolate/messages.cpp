// Each encode has its decode beside it, which reads the same fields in the same order: they have no names.
#include "isolate/messages.h"

namespace mrun {
namespace {

using Strings = std::vector<std::string>;
using Map = std::map<std::string, std::string>;

void put_strings(WireWriter &out, const Strings &strings) {
  out.integer(static_cast<int64_t>(strings.size()));
  for (const std::string &s : strings) out.text(s);
}

Strings take_strings(WireReader &in) {
  Strings strings;  // grows as they come: the count is only a claim
  for (int64_t n = in.integer(); n > 0; --n) strings.push_back(in.text());
  return strings;
}

void put_map(WireWriter &out, const Map &map) {
  out.integer(static_cast<int64_t>(map.size()));
  for (const auto &[key, value] : map) out.text(key).text(value);
}

Map take_map(WireReader &in) {
  Map map;
  for (int64_t n = in.integer(); n > 0; --n) {
    std::string key = in.text();
    map[std::move(key)] = in.text();
  }
  return map;
}

int take_int(WireReader &in) { return static_cast<int>(in.integer()); }

void put_options(WireWriter &out, const EngineOptions &o) {
  for (const int i : {o.workers, o.threads, o.cores, o.process, o.queue, o.max_batch}) out.integer(i);
  out.number(o.max_delay).number(o.timeout).number(o.start_timeout).integer(o.lua_memory).integer(o.tensor_memory);
  out.integer(static_cast<int64_t>(o.seed)).integer(o.trace_begin).text(o.device).value(o.params);
  for (const bool b : {o.one_shot, o.offline, o.exact}) out.integer(b ? 1 : 0);
}

EngineOptions take_options(WireReader &in) {
  EngineOptions o;
  for (int *i : {&o.workers, &o.threads, &o.cores, &o.process, &o.queue, &o.max_batch}) *i = take_int(in);
  o.max_delay = in.number();
  o.timeout = in.number();
  o.start_timeout = in.number();
  o.lua_memory = in.integer();
  o.tensor_memory = in.integer();
  o.seed = static_cast<uint64_t>(in.integer());
  o.trace_begin = in.integer();
  o.device = in.text();
  o.params = in.value();
  for (bool *b : {&o.one_shot, &o.offline, &o.exact}) *b = in.integer() != 0;
  return o;
}

constexpr int64_t wants_json = 1, wants_emit = 2, wants_observe = 4, wants_answer = 8;

}  // namespace

std::string encode(const Preparation &p) {
  WireWriter out;
  put_strings(out, Strings(p.folders.begin(), p.folders.end()));
  put_strings(out, p.plugins);
  out.integer(p.all_needed ? 1 : 0);
  put_strings(out, p.files);
  out.integer(static_cast<int64_t>(p.lockdown.address_space)).integer(static_cast<int64_t>(p.lockdown.descriptors));
  return out.finish();
}

Preparation decode_preparation(WireReader in) {
  Preparation p;
  const Strings folders = take_strings(in);
  p.folders.assign(folders.begin(), folders.end());
  p.plugins = take_strings(in);
  p.all_needed = in.integer() != 0;
  p.files = take_strings(in);
  p.lockdown.address_space = static_cast<uint64_t>(in.integer());
  p.lockdown.descriptors = static_cast<uint64_t>(in.integer());
  in.finish();
  return p;
}

std::string encode(const Locked &l) {
  WireWriter out;
  for (const Map *m : {&l.levels, &l.plugins, &l.libraries}) put_map(out, *m);
  return out.finish();
}

Locked decode_locked(WireReader in) {
  Locked l;
  for (Map *m : {&l.levels, &l.plugins, &l.libraries}) *m = take_map(in);
  in.finish();
  return l;
}

std::string encode(const Opening &o) {
  WireWriter out;
  out.text(o.name).text(o.revision);
  put_strings(out, o.entries);
  put_options(out, o.options);
  out.integer(o.log ? 1 : 0).integer(o.trace ? 1 : 0);
  return out.finish();
}

Opening decode_opening(WireReader in) {
  Opening o;
  o.name = in.text();
  o.revision = in.text();
  o.entries = take_strings(in);
  o.options = take_options(in);
  o.log = in.integer() != 0;
  o.trace = in.integer() != 0;
  in.finish();
  return o;
}

void encode(WireWriter &out, const Work &w) {
  out.integer(static_cast<int64_t>(w.number)).number(w.timeout).number(w.deadline);
  out.integer((w.json ? wants_json : 0) | (w.emit ? wants_emit : 0) | (w.observe ? wants_observe : 0) |
              (w.answer ? wants_answer : 0));
  out.value(w.input);
}

SentWork decode_work(WireReader in) {
  SentWork sent;
  sent.work.number = static_cast<uint64_t>(in.integer());
  sent.work.timeout = in.number();
  sent.work.deadline = in.number();
  const int64_t wanted = in.integer();
  sent.work.json = (wanted & wants_json) != 0;
  sent.work.answer = (wanted & wants_answer) != 0;
  sent.emit = (wanted & wants_emit) != 0;
  sent.observe = (wanted & wants_observe) != 0;
  sent.work.input = in.value();
  in.finish();
  return sent;
}

void encode(WireWriter &out, const Result &r) {
  const Timings &t = r.timings;
  out.error(*r.error).value(r.answer).text(r.json);
  for (const double seconds : {t.queue, t.preprocess, t.batch, t.forward, t.postprocess}) out.number(seconds);
  out.integer(t.batch_size);
}

Result decode_result(WireReader in) {
  Result r;
  if (Error e = in.error(); e.code != MRUN_OK) r.error = std::move(e);
  r.answer = in.value();
  r.json = in.text();
  Timings &t = r.timings;
  for (double *seconds : {&t.queue, &t.preprocess, &t.batch, &t.forward, &t.postprocess}) *seconds = in.number();
  t.batch_size = take_int(in);
  in.finish();
  return r;
}

void encode(WireWriter &out, uint64_t behind, const Result &result) {
  out.integer(static_cast<int64_t>(behind));
  encode(out, result);
}

Answer decode_answer(WireReader in) {
  const auto behind = static_cast<uint64_t>(in.integer());
  return {behind, decode_result(std::move(in))};
}

}  // namespace mrun
