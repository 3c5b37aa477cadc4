// What a worker is given of a bundle: descriptors, since it can open none itself; and which plugins it will need.
#pragma once
#include "bundle/bundle.h"
#include "isolate/messages.h"

namespace mrun {

struct HandedFiles {
  std::vector<std::string> entries;  // of a folder, in the descriptors' order; empty: one .mb file
  std::vector<UniqueFd> fds;
  std::string revision;  // of the .mb file, as a digest
  uint64_t size = 0;     // bytes of all entries
};
// Of a bundle in memory: a sealed copy. Throws IO, MEMORY.
HandedFiles hand_over(const Bundle &);

// By what the lock and the manifest name and the catalogue of plugin files says: no plugin is loaded. A folder, which has
// no lock, may need any plugin there is. Plugins that the host loaded from files come along; those that are linked into it
// cannot.
Preparation prepare_for(const Bundle &, const EngineOptions &, const HandedFiles &);

}  // namespace mrun
