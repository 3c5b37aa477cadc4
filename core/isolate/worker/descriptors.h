// What a worker has open when it starts, beside the three standard ones.
#pragma once

namespace mrun {

inline constexpr int channel_descriptor = 3, activity_descriptor = 4, items_descriptor = 5, worker_descriptors = 6;

}  // namespace mrun
