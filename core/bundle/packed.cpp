#include "bundle/packed.h"

#include "base/hash.h"
#include "base/text.h"
#include "bundle/models.h"
#include "bundle/names.h"

namespace mrun {
namespace {

constexpr uint64_t hashed_asset = uint64_t{1} << 20;  // larger ones are hashed by verify_hashes alone

// Weights are mapped, and large assets may be: to hash them would read all of them at every start. verify_hashes does.
bool checked_on_use(std::string_view path, uint64_t size) {
  return !is_weights(path) && !(path.starts_with("assets/") && size > hashed_asset);
}

}  // namespace

Packed::Packed(std::shared_ptr<const Source> source, const OpenOptions &options) : container_(std::move(source)) {
  origin_ = container_.source().name();
  check_signed(options.trusted);
  if (options.revision.empty()) {
    lock_ = container_.lock();
    digest_ = sha256_hex(container_.lock_bytes());
  } else {
    RevisionLock revision = find_revision(container_, options.revision);
    newest_ = revision.lock.revision.number == container_.lock().revision.number;
    lock_ = std::move(revision.lock);
    digest_ = std::move(revision.digest);
    if (!newest_) index_by_hash();
  }
  const std::string manifest_file = printable(origin_) + ": bundle.toml";
  if (!has("bundle.toml")) fail(MRUN_BUNDLE, "{}: is missing", manifest_file);
  manifest_ = parse_manifest(text("bundle.toml"), manifest_file);
  complete_models(manifest_file);
  if (options.verify) verify_hashes();
}

// An older revision's bytes lie where they came to: below history/objects, or still under their name or another one.
void Packed::index_by_hash() {
  for (const auto &[name, entry] : container_.lock().entries) { by_hash_.emplace(entry.sha256, container_.find(name)); }
}

const LockEntry *Packed::find(std::string_view path) const {
  if (is_machinery(path)) return nullptr;
  const auto found = lock_.entries.find(path);
  return found == lock_.entries.end() ? nullptr : &found->second;
}

const Item *Packed::locate(std::string_view path, const LockEntry &entry) const {
  if (newest_) return container_.find(path);
  const auto found = by_hash_.find(entry.sha256);
  return found == by_hash_.end() || found->second->size != entry.size ? nullptr : found->second;
}

std::pair<const Item *, const LockEntry *> Packed::get(std::string_view path) const {
  const LockEntry *entry = find(path);
  if (entry == nullptr) fail_missing(path);
  const Item *item = locate(path, *entry);
  if (item == nullptr) {
    fail(MRUN_MISSING, "{}: {}: {} of revision {} are gone: a later commit replaced them and history keeps no weights",
         printable(origin_), path, is_weights(path) ? "the weights" : "the bytes", lock_.revision.number);
  }
  return {item, entry};
}

std::vector<EntryInfo> Packed::entries() const {
  std::vector<EntryInfo> out;
  for (const auto &[name, entry] : lock_.entries) {
    if (!is_machinery(name)) out.push_back({name, entry.size, entry.sha256});
  }
  return out;
}

bool Packed::holds(std::string_view path) const {
  const LockEntry *entry = find(path);
  return entry != nullptr && locate(path, *entry) != nullptr;
}

Tensor Packed::load(std::string_view path) const {
  if (path == "bundle.lock") {  // of this revision; its bytes follow from what it says
    auto text = std::make_shared<std::string>(encode_lock(lock_));
    return Tensor::over(text->data(), dtype::uint8, {static_cast<int64_t>(text->size())}, text, true);
  }
  const auto [item, entry] = get(path);
  if (checked_on_use(path, item->size)) return container_.checked(*item, entry->sha256);
  return container_.source().map(item->start, static_cast<size_t>(item->size), false);
}

Tensor Packed::map_private(std::string_view path) const {
  const Item *item = get(path).first;
  return container_.source().map(item->start, static_cast<size_t>(item->size), true);
}

// Every entry of the file, those of other revisions too, then that each file of this one is there.
void Packed::verify_hashes() const {
  container_.check_all();
  check_history(container_);
  for (const EntryInfo &e : entries()) get(e.path);
}

}  // namespace mrun
