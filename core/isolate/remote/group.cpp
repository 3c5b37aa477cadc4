#include "isolate/remote/group.h"

#include <unistd.h>

#include <algorithm>

#include "base/thread.h"
#include "exec/engine/callback_scope.h"
#include "exec/loaded.h"
#include "isolate/remote/group_counts.h"

namespace mrun {
namespace {

constexpr uint64_t least_block = 16;  // items: each change of the process costs a message

// Whole blocks of a member's, or other items would be joined than in one process.
uint64_t block_of(const Session &member) {
  const uint64_t own = member.facts().block;
  return (least_block + own - 1) / own * own;
}

// What member i of n gets of a number; at least 1.
int share_of(int number, size_t i, size_t n) {
  const int members = static_cast<int>(n), rest = number % members;
  return std::max(1, number / members + (static_cast<int>(i) < rest ? 1 : 0));
}

}  // namespace

RemoteGroup::RemoteGroup(const std::shared_ptr<const Bundle> &bundle, EngineOptions options,
                         const std::shared_ptr<const HandedFiles> &files)
    : options_(with_defaults(std::move(options), *bundle)),
      process_(::getpid()),
      loads_(static_cast<size_t>(options_.processes)),
      room_(
          this, options_.queue, [this]() REQUIRES(mutex_) { return free_places(); },
          [this]() REQUIRES(mutex_) {
            const Unlocked unlocked(mutex_);
            for (const auto &member : members_) member->expect_answers();
          }),
      delivery_([this]() REQUIRES(mutex_) { room_.tell(); }, [this]() REQUIRES(mutex_) { changed_.notify_all(); }),
      members_(static_cast<size_t>(options_.processes)) {
  start(bundle, files);
  if (options_.offline) block_ = block_of(*members_.front());
}

RemoteGroup::~RemoteGroup() { end(); }

// All at once, as each loads its plugins and opens the bundle, which takes seconds. Throws what the first one that failed did.
void RemoteGroup::start(const std::shared_ptr<const Bundle> &bundle, const std::shared_ptr<const HandedFiles> &files) {
  std::vector<std::exception_ptr> failures(members_.size());
  const auto start_one = [&](size_t i) {
    try {
      members_[i] = std::make_unique<RemoteSession>(bundle, options_of(i), files);
    } catch (...) { failures[i] = std::current_exception(); }
  };
  std::vector<std::thread> threads;
  threads.reserve(members_.size());  // a thread that has begun must not be lost
  for (size_t i = 1; i < members_.size(); ++i) {
    try {
      threads.push_back(start_thread("a worker process", [&start_one, i] { start_one(i); }));
    } catch (...) { failures[i] = std::current_exception(); }
  }
  start_one(0);
  for (std::thread &t : threads) t.join();
  for (const std::exception_ptr &failure : failures) {
    if (failure != nullptr) std::rethrow_exception(failure);
  }
}

// Each has the whole queue: how many places are taken is counted here.
EngineOptions RemoteGroup::options_of(size_t member) {
  EngineOptions o = options_;
  o.process = static_cast<int>(member) + 1;
  o.workers = share_of(options_.workers, member, members_.size());
  o.cores = share_of(options_.cores, member, members_.size());
  if (options_.log) {
    o.log = [this](int level, const std::string &stage, const std::string &text) {
      const CallbackScope scope(this);
      options_.log(level, stage, text);
    };
  }
  if (options_.trace) {
    o.trace = [this](const std::string &json) {
      const CallbackScope scope(this);
      options_.trace(json);
    };
  }
  return o;
}

void RemoteGroup::want_usable(const char *what) const { want_starter(process_, what); }

void RemoteGroup::want_outside(const char *what) const {
  want_usable(what);
  if (CallbackScope::inside(this)) fail(MRUN_USAGE, "{}: a callback of this engine would wait for itself", what);
}

// What a member calls back counts as called by the group: it may not wait for itself there.
Work RemoteGroup::in_scope(Work work) const {
  if (work.emit) {
    work.emit = [this, emit = std::move(work.emit)](Value v) {
      const CallbackScope scope(this);
      emit(std::move(v));
    };
  }
  if (work.observe) {
    work.observe = [this, observe = std::move(work.observe)](std::string_view stage, const Value &v) {
      const CallbackScope scope(this);
      observe(stage, v);
    };
  }
  return work;
}

// ---- who gets an item

size_t RemoteGroup::least_loaded() const {
  return static_cast<size_t>(std::min_element(loads_.begin(), loads_.end()) - loads_.begin());
}

size_t RemoteGroup::choose() {
  if (left_ == 0) {
    left_ = block_;
    member_ = least_loaded();
  }
  --left_;
  return member_;
}

Result RemoteGroup::run(const Work &work) {
  want_outside("run");
  if (options_.offline) drain();  // what was submitted comes first
  size_t member = 0;
  {
    const ExclusiveLock lock(mutex_);
    if (stopping_) fail(MRUN_CANCELLED, "the engine was stopped");
    member = least_loaded();
    ++loads_[member];
  }
  Result result;
  try {
    result = members_[member]->run(in_scope(work));
  } catch (...) {
    const ExclusiveLock lock(mutex_);
    --loads_[member];
    throw;
  }
  statistics_.add(result.timings, result.error.code());
  const ExclusiveLock lock(mutex_);
  --loads_[member];
  return result;
}

// ---- many

Room::Free RemoteGroup::free_places() const { return stopping_ ? Room::Free::many : room_.beside(delivery_.pending()); }

uint64_t RemoteGroup::submit(Work work, double wait, Done done) {
  want_usable("submit");
  auto node = Delivery<Taken>::new_node();
  node.mapped().item->done = std::move(done);
  {
    const ExclusiveLock lock(mutex_);
    room_.wait(mutex_, wait);
    if (stopping_) fail(MRUN_CANCELLED, "the engine was stopped");
    delivery_.reserve();
  }
  if (!options_.offline) return hand_on(std::move(node), std::move(work));
  const ExclusiveLock lock(handing_on_);
  return hand_on(std::move(node), std::move(work));
}

// To a member, which has room for it. A member's block ends for it, or it would wait for an item that another one gets.
uint64_t RemoteGroup::hand_on(Delivery<Taken>::Node node, Work work) {
  Taken &taken = *node.mapped().item;  // until finish()
  size_t m = 0;
  bool ended = false;
  {
    const ExclusiveLock lock(mutex_);
    m = taken.member = choose();
    ++loads_[m];
    taken.number = delivery_.next_number();
    delivery_.take(std::move(node));
    ended = options_.offline && left_ == 0;
  }
  const auto answered = [this, &taken](uint64_t id, Result &&result) {
    taken.id = id_of(id, taken.member);
    statistics_.add(result.timings, result.error.code());
    finish(taken, std::move(result));
  };
  uint64_t id = 0;
  try {
    id = members_[m]->submit(in_scope(std::move(work)), -1, answered);
  } catch (...) {
    const Done untold = std::exchange(taken.done, {});  // it was not taken in
    finish(taken, {});
    throw;
  }
  bool waited_for = false;
  {
    const ExclusiveLock lock(mutex_);
    ended = ended || draining_ > 0;
    waited_for = room_.is_waited_for() || room_.beside(delivery_.pending()) == Room::Free::none;
  }
  if (ended) members_[m]->end_input();
  if (waited_for) members_[m]->expect_answers();
  return id_of(id, m);
}

void RemoteGroup::finish(const Taken &taken, Result result) {
  const CallbackScope scope(this);
  const ExclusiveLock lock(mutex_);
  --loads_[taken.member];
  delivery_.answer(mutex_, taken.number, std::move(result));
}

bool RemoteGroup::cancel(uint64_t id) {
  want_usable("cancel");
  return members_[id % members_.size()]->cancel(id / members_.size());
}

void RemoteGroup::set_ordered(bool yes) {
  want_usable("set_ordered");
  const ExclusiveLock lock(mutex_);
  delivery_.set_ordered(yes);
}

void RemoteGroup::end_input() {
  want_usable("end_input");
  for (const auto &member : members_) member->end_input();
}

void RemoteGroup::drain() {
  want_outside("drain");
  {
    const ExclusiveLock lock(mutex_);
    ++draining_;
  }
  end_input();
  const ExclusiveLock lock(mutex_);
  while (!delivery_.all_told()) changed_.wait(mutex_);
  --draining_;
}

void RemoteGroup::stop() {
  if (process_ == ::getpid()) want_outside("stop");
  end();
}

void RemoteGroup::end() {
  if (process_ != ::getpid()) return;  // a fork's copy: the members see to themselves
  {
    const ExclusiveLock lock(mutex_);
    stopping_ = true;
    room_.tell();
  }
  for (const auto &member : members_) {
    if (member != nullptr) member->stop();
  }
  const ExclusiveLock lock(mutex_);
  while (!delivery_.all_told()) changed_.wait(mutex_);
}

// ---- what is known

Value RemoteGroup::statistics() const {
  want_usable("statistics");
  std::vector<Value> counts;
  for (const auto &member : members_) counts.push_back(member->statistics());
  const ExclusiveLock lock(mutex_);
  return counts_together(statistics_.report(), counts, static_cast<int64_t>(delivery_.held()));
}

Facts RemoteGroup::facts() const {
  Facts facts = members_.front()->facts();
  facts.options = options_;
  facts.block = block_;
  return facts;
}

}  // namespace mrun
