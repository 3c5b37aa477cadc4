// How many cores this process may really use.
#pragma once
#include <string>

namespace mrun {

// The cores of the affinity mask, or fewer where a cgroup's quota allows less (version 1 and 2; rounded up); at least 1.
// Read once a process.
int usable_cores();

// The quota of the cgroup files under `root` ("/sys/fs/cgroup") for a process whose /proc/self/cgroup reads
// `membership`, in cores; 0: none. The tightest of the group and its parents counts.
double cgroup_quota(const std::string &root, const std::string &membership);

}  // namespace mrun
