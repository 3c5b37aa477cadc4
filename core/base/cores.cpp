#include "base/cores.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>
#include <thread>

namespace mrun {
namespace {

std::string text_of(const std::string &path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

double number_in(const std::string &path) {
  std::istringstream text(text_of(path));
  double value = 0;
  return text >> value ? value : 0;
}

// cgroup 2: "QUOTA PERIOD" in microseconds, or "max PERIOD".
double quota_v2(const std::string &folder) {
  std::istringstream text(text_of(folder + "/cpu.max"));
  double quota = 0, period = 0;
  return text >> quota >> period && quota > 0 && period > 0 ? quota / period : 0;
}

double quota_v1(const std::string &folder) {
  const double quota = number_in(folder + "/cpu.cfs_quota_us"), period = number_in(folder + "/cpu.cfs_period_us");
  return quota > 0 && period > 0 ? quota / period : 0;
}

// The tightest quota of a group and of all above it, whose limits hold for it too.
template <class F>
double tightest(const std::string &root, std::string group, F &&quota) {
  double least = 0;
  for (;;) {
    const double q = quota(root + group);
    if (q > 0 && (least == 0 || q < least)) least = q;
    const size_t slash = group.rfind('/');
    if (slash == std::string::npos || group.empty()) return least;
    group.resize(slash);
  }
}

bool lists_cpu(const std::string &controllers) {
  std::istringstream names(controllers);
  for (std::string name; std::getline(names, name, ',');) {
    if (name == "cpu") return true;
  }
  return false;
}

int affinity_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
  return static_cast<int>(std::thread::hardware_concurrency());
}

}  // namespace

double cgroup_quota(const std::string &root, const std::string &membership) {
  std::istringstream lines(membership);
  double least = 0;
  for (std::string line; std::getline(lines, line);) {  // ID:CONTROLLERS:GROUP
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1), group = line.substr(second + 1);
    double quota = 0;
    if (controllers.empty()) quota = tightest(root, group, quota_v2);
    if (lists_cpu(controllers)) quota = tightest(root + "/" + controllers, group, quota_v1);
    if (quota > 0 && (least == 0 || quota < least)) least = quota;
  }
  return least;
}

int usable_cores() {
  static const int cores = [] {
    const double quota = cgroup_quota("/sys/fs/cgroup", text_of("/proc/self/cgroup"));
    const int allowed = quota > 0 ? static_cast<int>(std::ceil(quota)) : affinity_cores();
    return std::max(1, std::min(affinity_cores(), allowed));
  }();
  return cores;
}

}  // namespace mrun
