// A queue of jobs that needs no memory of its own: the links are the jobs'. So nothing that moves a job on can fail where
// memory has run out. A job is in one list at most, and must outlive its place in it. No lock: the owner has one.
#pragma once
#include <cstddef>
#include <utility>

#include "exec/engine/job.h"

namespace mrun {

class JobList {
 public:
  JobList() = default;
  JobList(JobList &&other) noexcept { *this = std::move(other); }
  JobList &operator=(JobList &&other) noexcept {
    first_ = std::exchange(other.first_, nullptr);
    last_ = std::exchange(other.last_, nullptr);
    size_ = std::exchange(other.size_, 0);
    return *this;
  }

  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }
  Job *front() const { return first_; }  // null: empty. The next is Job::next

  void push_back(Job *job) noexcept {
    job->next = nullptr;
    (last_ == nullptr ? first_ : last_->next) = job;
    last_ = job;
    ++size_;
  }
  Job *pop_front() noexcept {  // null: empty
    Job *job = first_;
    if (job == nullptr) return nullptr;
    first_ = job->next;
    if (first_ == nullptr) last_ = nullptr;
    --size_;
    return job;
  }
  void append(JobList other) noexcept {
    if (other.empty()) return;
    (last_ == nullptr ? first_ : last_->next) = other.first_;
    last_ = other.last_;
    size_ += other.size_;
  }
  // Before the first that was submitted later. Walks the list: for the few that run again.
  void insert_in_order(Job *job) noexcept {
    Job **at = &first_;
    while (*at != nullptr && (*at)->seq < job->seq) at = &(*at)->next;
    if (*at == nullptr) return push_back(job);
    job->next = *at;
    *at = job;
    ++size_;
  }

 private:
  Job *first_ = nullptr, *last_ = nullptr;
  size_t size_ = 0;
};

}  // namespace mrun
