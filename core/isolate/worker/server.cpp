#include "isolate/worker/server.h"

#include <unistd.h>

#include <algorithm>

#include "base/text.h"
#include "base/thread.h"
#include "bundle/handed.h"
#include "isolate/shared_memory.h"
#include "isolate/worker/environment.h"
#include "plugin/shared_libraries.h"

namespace mrun {
namespace {

constexpr const char *parent = "mrun";

WireReader reader_of(const Frame &frame) {
  Tensor beside;
  if (frame.beside > 0) beside = map_shared_memory(frame.fds.at(0).get(), frame.beside, parent);
  return {frame.payload, parent, std::move(beside)};
}

// An object is of this process alone: a stage's value leaves without it.
Value without_objects(const Value &v) {
  if (v.is_list()) {
    std::vector<Value> items;
    for (const Value &item : v.as_list()) items.push_back(without_objects(item));
    return Value::list(std::move(items));
  }
  if (v.is_map()) {
    std::vector<std::pair<std::string, Value>> entries;
    for (const Entry &e : v.as_map()) entries.emplace_back(e.key(), without_objects(e.value()));
    return Value::map(std::move(entries));
  }
  return v.is_object() ? Value() : v;
}

CodeProfile code_of(const Registry &registry) {
  CodeProfile profile;
  for (const Plugin *p : registry.loaded()) {
    const std::string code = p->path.empty() ? "" : describe_plugin(p->path).code;
    profile.protect = profile.protect || !code.empty();
    profile.in_place = profile.in_place || code == "in place";
  }
  return profile;
}

// Looked up while files can still be read.
Locked facts_of(const Registry &registry) {
  Locked locked;
  std::vector<std::string> files;
  for (const Plugin *p : registry.loaded()) {
    locked.plugins.emplace(p->name, p->version);
    files.push_back(p->path.native());
  }
  locked.libraries = shared_libraries(files);
  for (const auto &[prefix, library] : registry.libraries()) locked.libraries.emplace(prefix, library);
  return locked;
}

}  // namespace

// ---- before the bundle

void Server::prepare() {
  const std::optional<Frame> frame = channel_.receive();
  if (!frame || frame->kind != Kind::prepare) fail(MRUN_PROTOCOL, "mrun-worker is started by mrun, not by hand");
  const Preparation p = decode_preparation(reader_of(*frame));
  Lockdown lockdown(p.lockdown);
  lockdown.begin();
  registry_ = std::make_unique<Registry>(p.folders);
  for (const std::string &file : p.files) registry_->load(file);
  for (const std::string &name : p.plugins) {
    try {
      registry_->plugin(name);
    } catch (const Error &) {
      if (p.all_needed) throw;
    }
  }
  Locked locked = facts_of(*registry_);
  const CodeProfile code = code_of(*registry_);
  forget_environment();
  lockdown.finish(code);
  locked.levels = lockdown.levels();
  channel_.send(Kind::locked, 0, encode(locked));
}

// ---- reading

void Server::serve() {
  start_thread("the worker process", [this] { take_turns(); }).detach();  // the process ends with the channel
  take_turns();
}

// Two threads, of which one reads and the other, or none, handles what must keep its order. Who has read something handles
// it where nothing else is handled, and the other reads on: nothing waits for a thread to wake.
void Server::take_turns() {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (!inbox_.empty() && !handling_) {
      Frame frame = std::move(inbox_.front());
      inbox_.pop_front();
      handle(frame, lock);
    } else if (!reading_) {
      read(lock);
    } else {
      turn_.wait(lock);
    }
  }
}

void Server::read(std::unique_lock<std::mutex> &lock) {
  reading_ = true;
  lock.unlock();
  std::optional<Frame> frame = channel_.receive();
  if (!frame) ::_exit(0);  // the parent has gone; whatever runs ends
  const bool done = handle_at_once(*frame) || (frame->kind == Kind::run && submit_beside(*frame));
  lock.lock();
  reading_ = false;
  if (done) return;
  if (inbox_.empty() && !handling_) return handle(*frame, lock);
  inbox_.push_back(std::move(*frame));
}

// What waits for nothing. False: it is something else.
bool Server::handle_at_once(Frame &frame) {
  switch (frame.kind) {
    case Kind::cancel: cancel(frame.id); return true;
    case Kind::memory: take_memory(frame); return true;
    case Kind::statistics: count(); return true;
    default: return false;
  }
}

// An item by itself that comes while another runs by itself: both run at once, as in one process.
bool Server::submit_beside(Frame &frame) {
  {
    const std::lock_guard lock(mutex_);
    if (!running_ || offline_ || !inbox_.empty()) return false;
  }
  handle_item(frame, &Server::submit);
  return true;
}

void Server::cancel(uint64_t id) {
  std::unique_lock lock(mutex_);
  const auto at = submitted_.find(id);
  if (at == submitted_.end()) {
    cancelled_.insert(id);
    return;
  }
  const uint64_t engine_id = at->second;
  lock.unlock();
  session_->cancel(engine_id);
}

bool Server::was_cancelled(uint64_t id) {
  const std::lock_guard lock(mutex_);
  return cancelled_.erase(id) != 0;
}

void Server::take_memory(Frame &frame) {
  const std::lock_guard lock(mutex_);
  const auto at = wanted_.find(frame.id);
  if (at == wanted_.end()) return;
  at->second.set_value(frame.fds.empty() ? UniqueFd() : std::move(frame.fds.front()));
  wanted_.erase(at);
}

// ---- handling, in order

// What goes wrong with an item is its answer.
void Server::handle_item(Frame &frame, void (Server::*how)(Frame &)) {
  try {
    (this->*how)(frame);
  } catch (const Error &e) { send_error(Kind::result, frame.id, e); } catch (const std::exception &e) {
    send_error(Kind::result, frame.id, Error(MRUN_MEMORY, e.what()));
  }
}

void Server::handle(Frame &frame, std::unique_lock<std::mutex> &lock) {
  handling_ = true;
  running_ = frame.kind == Kind::run;
  turn_.notify_all();
  lock.unlock();
  try {
    switch (frame.kind) {
      case Kind::files:
        for (UniqueFd &fd : frame.fds) files_.push_back(std::move(fd));
        break;
      case Kind::open: open(frame); break;
      case Kind::run: handle_item(frame, &Server::run); break;
      case Kind::submit: handle_item(frame, &Server::submit); break;
      case Kind::end: session_->end_input(); break;
      default: fail(MRUN_PROTOCOL, "mrun sent a message that is not for a worker");
    }
  } catch (const Error &e) { send_error(Kind::refused, frame.id, e); } catch (const std::exception &e) {
    send_error(Kind::refused, frame.id, Error(MRUN_MEMORY, e.what()));
  }
  lock.lock();
  handling_ = running_ = false;
}

std::shared_ptr<const Bundle> Server::open_bundle(const Opening &opening) {
  if (opening.entries.empty()) {
    if (files_.size() != 1) fail(MRUN_PROTOCOL, "mrun sent no bundle");
    OpenOptions how;
    how.revision = opening.revision;
    how.name = opening.name;
    return Bundle::open_fd(files_[0].get(), how);
  }
  if (files_.size() != opening.entries.size()) fail(MRUN_PROTOCOL, "mrun sent not all files of the bundle");
  std::map<std::string, UniqueFd, std::less<>> files;
  for (size_t i = 0; i < files_.size(); ++i) files.emplace(opening.entries[i], std::move(files_[i]));
  return std::make_shared<const Handed>(opening.name, std::move(files));
}

void Server::connect_log(EngineOptions &options, const Opening &opening) {
  if (opening.log) {
    options.log = [this](int level, const std::string &stage, const std::string &text) {
      channel_.send(Kind::log, 0, WireWriter().integer(level).text(stage).text(text).finish());
    };
  }
  if (opening.trace) {
    options.trace = [this](const std::string &json) {
      channel_.send(Kind::trace, 0, WireWriter().text(json).finish());
    };
  }
}

void Server::open(const Frame &frame) {
  const Opening opening = decode_opening(reader_of(frame));
  EngineOptions options = opening.options;
  options.registry = registry_.get();
  options.watch = &activity_;
  connect_log(options, opening);
  session_ = start_session(open_bundle(opening), options);
  files_.clear();
  offline_ = options.offline;
  channel_.send(Kind::opened, 0, {});
}

Work Server::work_of(Frame &frame) {
  SentWork sent = decode_work(reader_of(frame));
  frame.payload = Tensor();
  frame.fds.clear();
  const uint64_t id = sent.work.tag = frame.id;
  if (sent.emit) {
    sent.work.emit = [this, id](const Value &v) { send(Kind::partial, id, [&](WireWriter &out) { out.value(v); }); };
  }
  if (sent.observe) {
    sent.work.observe = [this, id](std::string_view stage, const Value &v) {
      send(Kind::observed, id, [&](WireWriter &out) { out.text(stage).value(without_objects(v)); });
    };
  }
  return std::move(sent.work);
}

void Server::run(Frame &frame) { send_result(frame.id, session_->run(work_of(frame))); }

void Server::submit(Frame &frame) {
  const uint64_t item = frame.id;
  Work work = work_of(frame);
  if (was_cancelled(item)) fail(MRUN_CANCELLED, "the item was cancelled before it ran");
  const uint64_t id = session_->submit(std::move(work), -1, [this, item](uint64_t, Result &&r) {
    {
      const std::lock_guard lock(mutex_);
      if (submitted_.erase(item) == 0) answered_.insert(item);
    }
    send_result(item, r);
  });
  const std::lock_guard lock(mutex_);
  if (answered_.erase(item) == 0) submitted_.emplace(item, id);
}

void Server::count() { channel_.send(Kind::counts, 0, WireWriter().value(session_->statistics()).finish()); }

// ---- sending

// What is large goes to memory that the parent makes, where it has some.
template <class Encode>
void Server::send(Kind kind, uint64_t id, Encode &&encode_into) {
  WireWriter out(beside_from);
  encode_into(out);
  const size_t size = out.beside_size();
  if (size == 0) return channel_.send(kind, id, out.finish());
  if (const UniqueFd memory = want_memory(id, size)) {
    put_tensors(memory.get(), out.beside(), size);
    return channel_.send(kind, id, out.finish(), {}, size);
  }
  WireWriter whole;
  encode_into(whole);
  channel_.send(kind, id, whole.finish());
}

UniqueFd Server::want_memory(uint64_t id, size_t size) {
  std::promise<UniqueFd> promise;
  std::future<UniqueFd> memory = promise.get_future();
  {
    const std::lock_guard lock(mutex_);
    wanted_[id] = std::move(promise);
  }
  channel_.send(Kind::wants, id, WireWriter().integer(static_cast<int64_t>(size)).finish());
  return memory.get();
}

void Server::send_result(uint64_t id, const Result &result) {
  try {
    send(Kind::result, id, [&](WireWriter &out) { encode(out, result); });
  } catch (const Error &e) {
    if (e.code == MRUN_CRASH || e.code == MRUN_PROTOCOL) return;  // the parent is gone
    Result failed;
    failed.error = e;
    failed.error.stage = "postprocess";
    failed.timings = result.timings;
    send(Kind::result, id, [&](WireWriter &out) { encode(out, failed); });
  }
}

void Server::send_error(Kind kind, uint64_t id, const Error &e) {
  if (kind != Kind::result) {
    channel_.send(kind, id, WireWriter().error(e).finish());
    return;
  }
  Result failed;
  failed.error = e;
  if (failed.error.stage.empty()) failed.error.stage = "engine";
  send_result(id, failed);
}

}  // namespace mrun
