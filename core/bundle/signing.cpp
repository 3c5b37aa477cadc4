// What signing does to files: keys, the files that a signature lists, bundle.sig.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "base/draft.h"
#include "base/folder_names.h"
#include "base/hash.h"
#include "base/text.h"
#include "bundle/container.h"
#include "bundle/signature.h"
#include "bundle/writer.h"

namespace mrun {
namespace fs = std::filesystem;
namespace {

constexpr size_t max_key = size_t{64} << 10;  // bytes of a key's file

std::string read_key(const fs::path &path) { return read_file(path, MRUN_USAGE, max_key); }

PublicKey read_public_key(const fs::path &path) { return PublicKey::parse(read_key(path), printable(path.native())); }

constexpr const char *public_suffix = ".pub";

// In a folder of trusted keys: what is called a public key, and what is one under another name.
bool is_key(const fs::path &file) {
  std::error_code error;
  if (file.filename().native().front() == '.' || !fs::is_regular_file(file, error)) return false;
  if (file.extension() == public_suffix) return true;
  const auto size = fs::file_size(file, error);
  return !error && size <= max_key && holds_public_key(read_key(file));
}

// `mode` holds from the first byte on.
void write_key(const FileDraft &draft, std::string_view text, mode_t mode, const fs::path &path) {
  if (::fchmod(draft.fd(), mode) != 0) fail_errno(errno, path.native(), "set its mode");
  write_all(draft.fd(), text, path.native());
}

void check_place(const fs::path &path, bool replace) {
  if (path.empty()) fail(MRUN_USAGE, "the path is empty; a key's file to make is wanted");
  std::error_code error;
  const fs::file_status there = fs::symlink_status(path, error);
  if (there.type() == fs::file_type::not_found) return;
  if (there.type() == fs::file_type::none) fail_errno(error.value(), path.native(), "make it");
  if (fs::is_directory(there)) fail(MRUN_USAGE, "{}: is a folder; a file to make is wanted", printable(path.native()));
  if (replace) return;
  fail(MRUN_USAGE, "{}: is there already; a key is never overwritten but with --force", printable(path.native()));
}

// Goes before the pair that takes its place: whoever is killed between that one's two files leaves a private key alone, to which
// `openssl pkey -pubout` gives the other half, and never halves of two pairs.
void remove_public(const fs::path &path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) fail_errno(errno, path.native(), "replace it");
}

// The model's name in a statement, for people: how its file or folder is called.
std::string subject_of(const fs::path &path) {
  const std::string name = path.filename().native();
  return valid_utf8(name) && !name.empty() ? name : "model";
}

// The signatures by other keys, then this one.
std::string with_signature(const std::optional<std::string> &before, const fs::path &path, const SignedFiles &files,
                           const PrivateKey &key) {
  std::string lines;
  const std::string fingerprint = key.public_key().fingerprint();
  if (before) {
    for (const Signature &s : parse_signatures(*before, printable(path.native()) + ": bundle.sig")) {
      if (s.key != fingerprint) lines += s.line + "\n";
    }
  }
  return lines + make_signature(subject_of(path), files, key) + "\n";
}

void sign_packed(const fs::path &path, const PrivateKey &key) {
  const auto source = file_source(open_locked(path), path.native());
  const Container bundle(source);
  const std::string signatures = with_signature(bundle.signatures(), path, signed_entries(bundle), key);
  write_file_atomic(path, [&](int fd) {
    const std::string name = path.native();
    ContainerWriter writer(fd, name);
    for (const Item &item : bundle.items()) {
      if (item.name != "bundle.lock" && item.name != "bundle.sig") writer.add_range(item, *source);
    }
    writer.finish(bundle.lock(), signatures);
  });
}

void sign_folder(const fs::path &folder, const PrivateKey &key) {
  const fs::path path = folder / "bundle.sig";
  std::error_code error;
  std::optional<std::string> before;
  if (fs::exists(path, error)) before = read_file(path, MRUN_VERIFY, max_signature);
  write_file_atomic(path, with_signature(before, folder, signed_folder(folder), key));
}

}  // namespace

SignedFiles signed_entries(const Container &bundle) {
  bundle.check_all();
  SignedFiles files{{"bundle.lock", sha256_hex(bundle.lock_bytes())}};
  for (const auto &[name, entry] : bundle.lock().entries) files.emplace(name, entry.sha256);
  return files;
}

SignedFiles signed_folder(const fs::path &folder) {
  SignedFiles files;
  std::vector<std::string> folders{""};  // below it, each with its slash
  while (!folders.empty()) {
    const std::string prefix = std::move(folders.back());
    folders.pop_back();
    for (const std::string &file : folder_names(folder / prefix)) {
      const std::string name = prefix + file, where = printable((folder / name).native());
      const fs::path path = folder / name;
      if (std::find(std::begin(unsigned_paths), std::end(unsigned_paths), name) != std::end(unsigned_paths)) continue;
      if (fs::is_symlink(path)) fail(MRUN_VERIFY, "{}: is a link, which no signature covers; a file is wanted", where);
      if (fs::is_directory(path)) {
        folders.push_back(name + "/");
        continue;
      }
      if (!valid_utf8(name)) fail(MRUN_VERIFY, "{}: its name is not UTF-8, so no signature can list it", where);
      files.emplace(name, sha256_of(*file_source(open_file(path, MRUN_VERIFY), path.native())));
    }
  }
  return files;
}

std::vector<PublicKey> read_trusted_keys(const fs::path &path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return {read_public_key(path)};
  std::vector<fs::path> files;
  size_t others = 0;
  for (const std::string &name : folder_names(path)) {
    if (is_key(path / name)) {
      files.push_back(path / name);
    } else {
      ++others;
    }
  }
  std::sort(files.begin(), files.end());
  std::vector<PublicKey> keys;
  for (const fs::path &file : files) keys.push_back(read_public_key(file));
  if (keys.empty()) {
    fail(MRUN_USAGE, "{}: no public key in this folder (NAME.pub, or PEM under any name), so nobody is trusted{}",
         printable(path.native()), others == 0 ? "" : fmt::format("; other files: {}", others));
  }
  return keys;
}

PublicKey make_key(const fs::path &path, std::string_view algorithm, bool replace) {
  const fs::path public_path = path.native() + public_suffix;
  check_place(path, replace);
  if (path.extension() == public_suffix) {
    fail(MRUN_USAGE,
         "{}: {} is put behind the name for the public key; a name for the private one, as release.key, is wanted",
         printable(path.native()), public_suffix);
  }
  check_place(public_path, replace);
  const PrivateKey key = PrivateKey::generate(algorithm);
  PublicKey public_key = key.public_key();
  FileDraft private_draft(path), public_draft(public_path);  // both are whole before one takes its place
  write_key(private_draft, key.pem(), 0600, path);
  write_key(public_draft, public_key.pem(), 0644, public_path);
  if (replace) remove_public(public_path);
  private_draft.commit(replace);
  public_draft.commit(replace);
  return public_key;
}

PrivateKey read_private_key(const fs::path &path) {
  return PrivateKey::parse(read_key(path), printable(path.native()));
}

std::string sign_bundle(const fs::path &path, const PrivateKey &key) {
  const fs::path real = real_bundle(path);
  std::error_code error;
  if (fs::is_directory(real, error)) {
    sign_folder(real, key);
  } else {
    sign_packed(real, key);
  }
  return key.public_key().fingerprint();
}

}  // namespace mrun
