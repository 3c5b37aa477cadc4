#include "exec/engine.h"

namespace mrun {

Engine::Engine(std::shared_ptr<const Bundle> bundle, EngineOptions options)
    : loaded_(load(std::move(bundle), std::move(options))) {
  give_runner(take_runner());
}

Engine::~Engine() { stop(); }

std::unique_ptr<Runner> Engine::take_runner() {
  std::unique_lock lock(runners_mutex_);
  runner_free_.wait(lock, [&] { return !idle_.empty() || runners_ < loaded_->options.workers; });
  if (!idle_.empty()) {
    auto runner = std::move(idle_.back());
    idle_.pop_back();
    return runner;
  }
  ++runners_;
  lock.unlock();
  try {
    return std::make_unique<Runner>(*loaded_);
  } catch (...) {
    lock.lock();
    --runners_;
    runner_free_.notify_one();
    throw;
  }
}

void Engine::give_runner(std::unique_ptr<Runner> runner) {
  {
    const std::lock_guard lock(runners_mutex_);
    idle_.push_back(std::move(runner));
  }
  runner_free_.notify_one();
}

uint64_t Engine::next_number() { return next_number_.fetch_add(1); }

Result Engine::run(const Work &work) {
  std::unique_ptr<Runner> runner = take_runner();
  Result result = runner->run(work, make_context(*loaded_, work.number));
  give_runner(std::move(runner));
  statistics_.add(result.timings, result.ok());
  return result;
}

uint64_t Engine::submit(Work work, double wait, Done done) {
  std::unique_lock lock(mutex_);
  const auto has_room = [&] { return stopping_ || pending_ < static_cast<size_t>(loaded_->options.queue); };
  if (wait < 0) {
    changed_.wait(lock, has_room);
  } else if (!changed_.wait_for(lock, std::chrono::duration<double>(std::min(wait, 1e9)), has_room)) {
    fail(MRUN_TIMEOUT, "the queue of {} items stayed full for {} s", loaded_->options.queue, wait);
  }
  if (stopping_) fail(MRUN_CANCELLED, "the engine was stopped");
  Job job;
  job.id = next_id_++;
  job.item = make_context(*loaded_, work.number);
  job.work = std::move(work);
  job.done = std::move(done);
  job.submitted = std::chrono::steady_clock::now();
  const uint64_t id = job.id;
  live_[id] = job.item;
  ++pending_;
  queue_.push_back(std::move(job));
  if (threads_.size() < static_cast<size_t>(loaded_->options.workers)) threads_.emplace_back(&Engine::worker, this);
  lock.unlock();
  changed_.notify_all();
  return id;
}

void Engine::worker() {
  std::unique_ptr<Runner> runner;
  for (;;) {
    Job job;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      job = std::move(queue_.front());
      queue_.pop_front();
    }
    const double waited = std::chrono::duration<double>(std::chrono::steady_clock::now() - job.submitted).count();
    Result result;
    if (job.item->stop.load() != MRUN_OK) {
      result.error = Error(MRUN_CANCELLED, "the item was cancelled before it ran");
      result.error.stage = "engine";
    } else {
      try {
        runner = take_runner();
        result = runner->run(job.work, job.item);
        give_runner(std::move(runner));
      } catch (const Error &e) { result.error = e; }
    }
    result.timings.queue = waited;
    finish(std::move(job), std::move(result));
  }
}

void Engine::finish(Job job, Result result) {
  statistics_.add(result.timings, result.ok());
  std::unique_lock lock(mutex_);
  live_.erase(job.id);
  const uint64_t id = job.id;
  ready_.emplace(id, Answer{std::move(job), std::move(result)});
  deliver(lock);
}

// Calls `done` for what may be delivered. In order, one thread delivers at a time and takes over what others add
// meanwhile.
void Engine::deliver(std::unique_lock<std::mutex> &lock) {
  if (ordered_ && delivering_) return;
  delivering_ = true;
  while (!ready_.empty() && (!ordered_ || ready_.begin()->first == next_delivery_)) {
    auto node = ready_.extract(ready_.begin());
    ++next_delivery_;
    lock.unlock();
    Answer &answer = node.mapped();
    answer.job.done(answer.job.id, std::move(answer.result));
    lock.lock();
    --pending_;
    changed_.notify_all();
  }
  delivering_ = false;
}

bool Engine::cancel(uint64_t id) {
  const std::lock_guard lock(mutex_);
  const auto at = live_.find(id);
  if (at == live_.end()) return false;
  int running = MRUN_OK;
  at->second->stop.compare_exchange_strong(running, MRUN_CANCELLED);
  return true;
}

void Engine::set_ordered(bool yes) {
  const std::lock_guard lock(mutex_);
  ordered_ = yes;
}

void Engine::drain() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return pending_ == 0; });
}

void Engine::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (auto &[id, item] : live_) {
      int running = MRUN_OK;
      item->stop.compare_exchange_strong(running, MRUN_CANCELLED);
    }
  }
  changed_.notify_all();
  for (std::thread &t : threads_) {
    if (t.joinable()) t.join();
  }
}

}  // namespace mrun
