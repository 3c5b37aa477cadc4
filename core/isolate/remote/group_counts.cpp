#include "isolate/remote/group_counts.h"

#include <algorithm>
#include <string>

namespace mrun {
namespace {

using Members = std::vector<Value>;
using Entries = std::vector<std::pair<std::string, Value>>;

constexpr double most = 4.5e15;  // what one may count: sums of them are exact

double number_of(const Value &map, std::string_view key) {
  const Value *v = map.find(key);
  if (v == nullptr || !v->is_number() || !(v->as_number() > 0)) return 0;
  return std::min(v->as_number(), most);
}

Value whole(double number) { return Value::integer(static_cast<int64_t>(number)); }

Members inside(const Members &members, const char *key) {
  Members parts;
  for (const Value &m : members) {
    const Value *part = m.find(key);
    if (part != nullptr && part->is_map()) parts.push_back(*part);
  }
  return parts;
}

Value sum(const Members &members, const char *key) {
  double all = 0;
  for (const Value &m : members) all += number_of(m, key);
  return whole(all);
}

Value sums(const Members &members, std::initializer_list<const char *> keys) {
  Entries entries;
  for (const char *key : keys) entries.emplace_back(key, sum(members, key));
  return Value::map(std::move(entries));
}

Value largest(const Members &members, const char *key) {
  double all = 0;
  for (const Value &m : members) all = std::max(all, number_of(m, key));
  return whole(all);
}

// By what each counts for.
Value mean(const Members &members, const char *key, const char *weight) {
  double all = 0, weights = 0;
  for (const Value &m : members) {
    all += number_of(m, key) * number_of(m, weight);
    weights += number_of(m, weight);
  }
  return Value::number(weights > 0 ? all / weights : 0);
}

Value last_text(const Members &members, const char *key) {
  Value last;
  for (const Value &m : members) {
    const Value *v = m.find(key);
    if (v != nullptr && v->is_string()) last = *v;
  }
  return last;
}

Value queue_of(const Members &members, int64_t held) {
  const Members queues = inside(members, "queue");
  return Value::map({{"waiting", sum(queues, "waiting")},
                     {"running", sum(queues, "running")},
                     {"held", Value::integer(held + sum(queues, "held").as_int())}});
}

}  // namespace

Value counts_together(const Value &items, const Members &members, int64_t held) {
  Entries all;
  for (const Entry &e : items.as_map()) {
    const std::string key(e.key());
    const bool summed = key == "batches" || key == "calls";
    if (summed) {
      all.emplace_back(key, sum(members, key.c_str()));
    } else {
      all.emplace_back(key, key == "joined_failure" ? last_text(members, "joined_failure") : e.value());
    }
  }
  all.emplace_back("largest", largest(members, "largest"));
  all.emplace_back("filling", mean(members, "filling", "calls"));
  all.emplace_back("counts",
                   sums(inside(members, "counts"), {"queue", "preprocess", "batch", "forward", "postprocess"}));
  all.emplace_back("memory", sums(inside(members, "memory"), {"tensors", "peak"}));
  all.emplace_back("workers", sum(members, "workers"));
  all.emplace_back("busy", mean(members, "busy", "workers"));
  all.emplace_back("queue", queue_of(members, held));
  return Value::map(std::move(all));
}

}  // namespace mrun
