#include "bundle/unpack.h"

#include <system_error>

#include "base/draft.h"
#include "base/hash.h"
#include "base/text.h"
#include "bundle/names.h"
#include "bundle/packed.h"

namespace mrun {
namespace fs = std::filesystem;
namespace {

fs::path absolute_target(const fs::path &folder) {
  std::error_code error;
  fs::path target = fs::absolute(folder, error).lexically_normal();
  if (error) fail_errno(error.value(), folder.native(), "find the folder it is in");
  if (!target.has_filename()) target = target.parent_path();  // "out/"
  const fs::file_type there = fs::symlink_status(target, error).type();
  if (there == fs::file_type::not_found) return target;
  if (there == fs::file_type::none) fail_errno(error.value(), folder.native(), "make it");
  if (!(fs::is_directory(target, error) && fs::is_empty(target, error))) {
    fail(MRUN_IO, "{}: is there already; a new or empty folder is wanted", printable(folder.native()));
  }
  // The new folder takes its place, and who stands in the old one, a shell, would see nothing of it.
  if (fs::equivalent(target, ".", error)) {
    fail(MRUN_USAGE, "{}: is the folder that you are in; another one is wanted, as {}", printable(folder.native()),
         printable((target / "NAME").native()));
  }
  target = fs::canonical(target, error);  // of a link the folder that it leads to
  if (error) fail_errno(error.value(), folder.native(), "find the folder it is in");
  return target;
}

// Of a signed bundle also what its signature lists beside the author's files, so that any verifier of the standard can
// check the folder.
void write_signed(const Bundle &bundle, const FolderDraft &draft) {
  const auto *packed = dynamic_cast<const Packed *>(&bundle);
  if (packed == nullptr || !packed->newest() || !packed->signatures()) return;
  const Container &all = packed->container();
  for (const Item &item : all.items()) {
    if (!is_machinery(item.name)) continue;
    const auto listed = all.lock().entries.find(item.name);  // all but the lock and its signatures, whose CRCs hold
    draft.write(item.name, listed == all.lock().entries.end()
                               ? all.source().read(item.start, static_cast<size_t>(item.size))
                               : all.checked_text(item, listed->second.sha256));
  }
}

}  // namespace

void unpack(const Bundle &bundle, const fs::path &folder) {
  if (folder.empty()) fail(MRUN_USAGE, "the name of the folder to make is empty");
  const fs::path target = absolute_target(folder);
  FolderDraft draft(target);
  for (const EntryInfo &e : bundle.entries()) {
    const Tensor bytes = bundle.read(e.path);
    if (!e.sha256.empty() && sha256_hex(bytes.bytes()) != e.sha256) {
      fail(MRUN_VERIFY, "{}: {} is damaged or was changed: its SHA-256 is not the one in bundle.lock",
           printable(bundle.origin()), e.path);
    }
    draft.write(e.path, bytes.bytes());
  }
  write_signed(bundle, draft);
  draft.commit();
}

}  // namespace mrun
