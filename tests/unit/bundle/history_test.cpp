#include "bundle/history.h"

#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <thread>

#include "bundle/commit.h"
#include "bundle/packed.h"
#include "bundle/unpack.h"
#include "support.h"

using namespace mrun;
using namespace mrun::test;

namespace {

Lock message(const std::string &text) {
  Lock lock;
  lock.revision.message = text;
  return lock;
}

// Three revisions: a text changed, then the weights too, an asset removed and one added.
struct Three : TemporaryFolder {
  Three() {
    write_bundle(path, sample(), message("first"));
    contents["preprocess.lua"] = std::string("return function(x) return x + 1 end\n");
    second = commit_revision(path, contents, message("second"));
    contents["model/main.safetensors"] = std::string(100, 'v');
    contents.erase("assets/labels.txt");
    contents["assets/names.txt"] = std::string("c\n");
    third = commit_revision(path, contents, message("third"));
  }
  std::shared_ptr<const Bundle> open(const std::string &revision = {}) const {
    return Bundle::open(path, {.revision = revision, .verify = false});
  }

  const fs::path path = *this / "x.mb";
  Contents contents = sample();
  Committed second, third;
};

// A file as it is, but with other entries under history/ and another newest lock.
std::string rebuilt(const fs::path &path,
                    const std::function<void(std::map<std::string, std::string> &, Lock &)> &change) {
  const std::string bytes = read_text(path);
  const Container container(memory_source(bytes.data(), bytes.size(), nullptr));
  std::map<std::string, std::string> entries;
  for (const Item &item : container.items()) entries[item.name] = bytes.substr(item.start, item.size);
  entries.erase("bundle.lock");
  Lock lock = container.lock();
  change(entries, lock);
  std::vector<RawEntry> raw;
  std::vector<std::string> order;
  for (const auto &[name, text] : entries) order.push_back(name);
  std::sort(order.begin(), order.end(), [](const auto &a, const auto &b) {
    const bool weights_a = a.starts_with("model/"), weights_b = b.starts_with("model/");
    if (a == "format" || b == "format") return a == "format" && b != "format";
    return weights_a != weights_b ? weights_a : a < b;
  });
  for (const std::string &name : order) raw.push_back({name, entries[name]});
  lock.entries = lock_of(raw).entries;
  return build(raw, encode_lock(lock));
}

// As it was the newest.
std::string whole_lock(const fs::path &path, uint64_t number) {
  const Container container(file_source(open_file(path), path.native()));
  return encode_lock(find_revision(container, std::to_string(number)).lock);
}

Error history_error(const std::string &bytes) {
  const auto bundle = open_bytes(bytes);  // the newest revision can still be read
  CHECK(bundle->text("preprocess.lua") == "return function(x) return x + 1 end\n");
  const Error e = error_of([&] { read_log(*bundle); });
  CHECK(error_of([&] { open_bytes(bytes, {.revision = "1", .verify = false}); }).message == e.message);
  CHECK(!refusal(bytes).empty());
  return e;
}

}  // namespace

TEST_CASE("history: every revision can be opened by number and digest") {
  const Three file;
  CHECK(file.second.lock.revision.number == 2);
  CHECK(file.third.lock.revision.parent == file.second.digest);
  const auto newest = Bundle::open(file.path, {.revision = {}, .verify = true});
  CHECK(newest->digest() == file.third.digest);
  CHECK(newest->text("assets/names.txt") == "c\n");
  CHECK_FALSE(newest->has("assets/labels.txt"));
  CHECK_FALSE(newest->has("history/locks/1.lock"));
  CHECK(newest->entries().size() == file.contents.size());

  const auto first = file.open("1");
  CHECK(first->text("preprocess.lua") == "return function(x) return x end\n");
  CHECK(first->text("assets/labels.txt") == "a\nb\n");
  CHECK_FALSE(first->has("assets/names.txt"));
  CHECK(first->entries().size() == sample().size());
  CHECK(first->lock().find("revision")->find("message")->as_string() == "first");
  CHECK(file.open(first->digest())->digest() == first->digest());
  CHECK(file.open(first->digest().substr(0, 7))->digest() == first->digest());
  CHECK(file.open("2")->digest() == file.second.digest);
  CHECK(file.open("3")->digest() == file.third.digest);
  for (const char *which : {"0", "4", "999999", "0123456789abcdef", "abc", "x"}) {
    const Error e = error_of([&] { file.open(which); });
    CHECK(e.code == MRUN_MISSING);
    CHECK(contains(e.message, "want 1 to 3 or at least 7 digits of a digest"));
  }
}

TEST_CASE("history: the digest of a revision never changes") {
  const TemporaryFolder folder;
  const Written first = write_bundle(folder / "x.mb", sample(), message("first"));
  Contents contents = sample();
  contents["preprocess.lua"] = std::string("return 2");
  commit_revision(folder / "x.mb", contents, message("second"));
  CHECK(Bundle::open(folder / "x.mb", {.revision = "1", .verify = false})->digest() == first.digest);
}

TEST_CASE("history: weights of earlier revisions say that they are gone") {
  const Three file;
  const auto first = file.open("1");
  CHECK(first->has("model/main.safetensors"));
  for (const auto &read : {std::function<void()>([&] { first->read("model/main.safetensors"); }),
                           std::function<void()>([&] { first->map_private("model/main.safetensors"); }),
                           std::function<void()>([&] { unpack(*first, file / "out"); })}) {
    const Error e = error_of(read);
    CHECK(e.code == MRUN_MISSING);
    CHECK(contains(e.message, "model/main.safetensors: the weights of revision 1 are gone"));
  }
  CHECK_FALSE(fs::exists(file / "out"));
  CHECK(first->text("preprocess.lua") == "return function(x) return x end\n");
}

TEST_CASE("history: texts are kept once, and only what earlier revisions alone use") {
  Three file;
  const auto objects = [&] {
    size_t n = 0;
    const Packed bundle(file_source(open_file(file.path), "x"), {});
    for (const Item &item : bundle.container().items()) n += item.name.starts_with("history/objects/");
    return n;
  };
  CHECK(objects() == 2);  // preprocess.lua of 1, labels.txt of 1 and 2
  file.contents["preprocess.lua"] = std::get<std::string>(sample()["preprocess.lua"]);
  commit_revision(file.path, file.contents, message("back"));
  CHECK(objects() == 2);  // preprocess.lua of 2 and 3, labels.txt
  CHECK(file.open("2")->text("preprocess.lua") == "return function(x) return x + 1 end\n");
  Bundle::open(file.path, {.revision = "4", .verify = true});
}

TEST_CASE("history: the log") {
  const Three file;
  const std::vector<LogEntry> log = read_log(*file.open());
  REQUIRE(log.size() == 3);
  CHECK(log[0].revision.message == "third");
  REQUIRE(log[0].changes.size() == 3);
  CHECK(log[0].changes[0].path == "assets/labels.txt");
  CHECK(log[0].changes[0].before == 4);
  CHECK_FALSE(log[0].changes[0].after);
  CHECK(log[0].changes[1].path == "assets/names.txt");
  CHECK_FALSE(log[0].changes[1].before);
  CHECK(log[0].changes[2].path == "model/main.safetensors");
  CHECK(log[0].gone.empty());
  CHECK(log[1].changes.size() == 1);
  CHECK(log[1].gone == std::vector<std::string>{"model/main.safetensors"});
  CHECK(log[2].changes.size() == sample().size());
  CHECK(read_log(*file.open("2")).size() == 2);
  const Value value = log_value(log);
  CHECK(value.as_list()[0].find("digest")->as_string() == file.third.digest);
  CHECK(value.as_list()[1].find("parent")->as_string() == log[2].digest);
  CHECK(value.as_list()[2].find("parent")->is_nil());
}

TEST_CASE("history: author and time only when given") {
  const TemporaryFolder folder;
  write_bundle(folder / "x.mb", sample(), {});
  Contents contents = sample();
  contents["preprocess.lua"] = std::string("return 2");
  Lock lock = message("with");
  lock.revision.author = "Ada";
  lock.revision.time = "2026-02-28T23:59:59Z";
  commit_revision(folder / "x.mb", contents, lock);
  const auto log = read_log(*Bundle::open(folder / "x.mb"));
  CHECK(log[0].revision.author == "Ada");
  CHECK(log[0].revision.time == "2026-02-28T23:59:59Z");
  CHECK(log[1].revision.author.empty());
  CHECK(log[1].revision.time.empty());
  const std::string before = read_text(folder / "x.mb");
  for (const char *time :
       {"2026-02-28", "2026-13-01T00:00:00Z", "2026-01-01T24:00:00Z", "2026-02-30T00:00:00Z", "now"}) {
    lock.revision.time = time;
    contents["preprocess.lua"] = std::string(time);
    CHECK(contains(error_of([&] { commit_revision(folder / "x.mb", contents, lock); }).message, "time"));
  }
  CHECK(read_text(folder / "x.mb") == before);
}

TEST_CASE("history: a lock that is missing, another's, or names itself") {
  const Three file;
  CHECK(contains(
      history_error(rebuilt(file.path, [](auto &entries, Lock &) { entries.erase("history/locks/2.lock"); })).message,
      "history/locks/2.lock: is missing, so the history before revision 3 is lost"));
  CHECK(contains(history_error(rebuilt(file.path,
                                       [](auto &entries, Lock &) {
                                         entries["history/locks/2.lock"] = entries["history/locks/1.lock"];
                                       }))
                     .message,
                 "is not the one that revision 3 names as its parent"));
  CHECK(contains(history_error(rebuilt(file.path,
                                       [&](auto &entries, Lock &lock) {
                                         entries["history/locks/2.lock"] = whole_lock(file.path, 1);
                                         lock.revision.parent = sha256_hex(entries["history/locks/2.lock"]);
                                       }))
                     .message,
                 "calls itself revision 1"));
  for (const char *text :
       {"{}\n", "[]\n", "{\"entries\": []}", "{\"entries\": {}}", "{\"entries\": {}, \"revision\": null}"}) {
    const auto damaged = rebuilt(file.path, [&](auto &entries, Lock &) { entries["history/locks/2.lock"] = text; });
    CHECK(contains(history_error(damaged).message, "history/locks/2.lock: "));
  }
  CHECK(contains(history_error(rebuilt(file.path,
                                       [](auto &entries, Lock &lock) {
                                         std::string &second = entries["history/locks/2.lock"];
                                         second = "{}\n";
                                         lock.revision.parent = sha256_hex(second);
                                       }))
                     .message,
                 "history/locks/2.lock"));
  // A revision can name itself only by knowing its own hash.
  CHECK(contains(history_error(rebuilt(file.path,
                                       [&](auto &entries, Lock &lock) {
                                         Lock second = decode_lock(whole_lock(file.path, 2), "");
                                         second.revision.parent = lock.revision.parent;
                                         entries["history/locks/2.lock"] = encode_lock(second);
                                         lock.revision.parent = sha256_hex(entries["history/locks/2.lock"]);
                                       }))
                     .message,
                 "history/locks/1.lock: is not the one that revision 2 names as its parent"));
}

TEST_CASE("history: an exchanged object is found") {
  const Three file;
  const auto exchange = [](auto &entries, const char *begin) {
    for (auto &[n, text] : entries) {
      if (n.starts_with("history/objects/") && text.starts_with(begin)) text = "return os.execute";
    }
  };
  // It was there when revision 2 was the newest, so its lock is another now.
  const Error early = history_error(rebuilt(file.path, [&](auto &entries, Lock &) { exchange(entries, "return"); }));
  CHECK(contains(early.message, "history/locks/2.lock: is not the one that revision 3 names as its parent"));
  // It came with the newest.
  const std::string bytes = rebuilt(file.path, [&](auto &entries, Lock &) { exchange(entries, "a\nb"); });
  const auto first = open_bytes(bytes, {.revision = "1", .verify = false});
  CHECK(error_of([&] { first->text("assets/labels.txt"); }).code == MRUN_MISSING);
}

TEST_CASE("history: a lock that was kept whole is read as ever") {
  const Three file;
  const std::string old = rebuilt(file.path, [&](auto &entries, Lock &lock) {
    const std::string first = whole_lock(file.path, 1);
    Lock second = decode_lock(whole_lock(file.path, 2), "");
    second.entries["history/locks/1.lock"] = {first.size(), sha256_hex(first)};
    entries["history/locks/1.lock"] = first;
    entries["history/locks/2.lock"] = encode_lock(second);
    lock.revision.parent = sha256_hex(entries["history/locks/2.lock"]);
  });
  write_text(file.path, old);
  CHECK(read_log(*file.open()).size() == 3);
  Contents contents = file.contents;
  contents["preprocess.lua"] = std::string("return 9");
  commit_revision(file.path, contents, message("fourth"));
  const auto log = read_log(*file.open());
  REQUIRE(log.size() == 4);
  CHECK(log[3].revision.message == "first");
  CHECK(file.open("1")->text("assets/labels.txt") == "a\nb\n");
}

TEST_CASE("history: a commit adds what it changes, not another list of everything") {
  const TemporaryFolder folder;
  const fs::path path = folder / "x.mb";
  Contents contents = sample();
  Lock lock = message("many");
  for (int i = 0; i < 500; ++i) contents[fmt::format("assets/{}.txt", i)] = fmt::format("{}\n", i);
  for (int i = 0; i < 500; ++i) lock.operations.push_back(fmt::format("aten.operation_{:03}", i));
  write_bundle(path, contents, lock);
  for (int i = 0; i < 3; ++i) {
    contents["preprocess.lua"] = fmt::format("return {}\n", i);
    if (i == 1) lock.operations.pop_back();
    const auto before = fs::file_size(path);
    commit_revision(path, contents, lock);
    if (i != 1) CHECK(fs::file_size(path) < before + 2000);
  }
  const auto first = Bundle::open(path, {.revision = "1", .verify = false});
  CHECK(first->lock().find("operations")->as_list().size() == 500);
  CHECK(first->entries().size() == sample().size() + 500);
}

TEST_CASE("commit: nothing to commit, a file that is no bundle, a file that is not there") {
  const TemporaryFolder folder;
  const fs::path path = folder / "x.mb";
  write_bundle(path, sample(), {});
  const Error same = error_of([&] { commit_revision(path, sample(), message("again")); });
  CHECK(same.code == MRUN_USAGE);
  CHECK(contains(same.message, "nothing differs from revision 1"));
  write_text(folder / "junk", "junk");
  CHECK(error_of([&] { commit_revision(folder / "junk", sample(), {}); }).code == MRUN_BUNDLE);
  CHECK(error_of([&] { commit_revision(folder / "none.mb", sample(), {}); }).code == MRUN_BUNDLE);
  CHECK(error_of([&] { commit_revision(path, sample(), message("\xff")); }).code == MRUN_USAGE);
  Contents kept = sample();
  kept["model/main.safetensors"] = Kept{std::string(64, '0')};
  CHECK(error_of([&] { commit_revision(path, kept, {}); }).code == MRUN_MISSING);
  CHECK(folder.count() == 2);
}

TEST_CASE("commit: bytes that are kept are not hashed again, whatever the name") {
  const TemporaryFolder folder;
  const fs::path path = folder / "x.mb";
  const Written first = write_bundle(path, sample(), {});
  Contents contents = sample();
  const std::string hash = first.lock.entries.at("model/main.safetensors").sha256;
  contents["model/main.safetensors"] = Kept{hash};
  contents["model/other.safetensors"] = Kept{hash};
  commit_revision(path, contents, {});
  const auto bundle = Bundle::open(path, {.revision = {}, .verify = true});
  CHECK(bundle->read("model/other.safetensors").bytes() == std::string(100, 'w'));
  const Container container(file_source(open_file(path), "x"));
  CHECK(container.find("model/other.safetensors")->start % 4096 == 0);
}

TEST_CASE("commit: one changed byte of large weights is seen") {
  const TemporaryFolder folder;
  const fs::path path = folder / "x.mb";
  std::string weights(size_t{3} << 20, 'w');
  Contents contents = sample();
  contents["model/main.safetensors"] = weights;
  write_bundle(path, contents, {});
  CHECK(error_of([&] { commit_revision(path, contents, {}); }).code == MRUN_USAGE);
  for (const size_t at : {size_t{0}, size_t{1234567}, weights.size() - 1}) {
    weights[at] = 'X';
    contents["model/main.safetensors"] = weights;
    commit_revision(path, contents, {});
    const auto bundle = Bundle::open(path, {.revision = {}, .verify = true});
    CHECK(bundle->read("model/main.safetensors").bytes() == weights);
  }
  contents["preprocess.lua"] = std::string("return 2");
  const Committed last = commit_revision(path, contents, {});
  CHECK(last.size - last.size_before < 8192);
  CHECK(folder.count() == 1);
}

TEST_CASE("commit: what fails while the weights are copied leaves the file as it was") {
  const TemporaryFolder folder;
  const fs::path path = folder / "x.mb";
  Contents contents = sample();
  contents["model/main.safetensors"] = std::string(size_t{3} << 20, 'w');
  write_bundle(path, contents, {});
  const std::string before = read_text(path);
  const Contents weights = take_weights(contents);
  CHECK(weights.size() == 2);
  CommitSteps steps;
  steps.weights = [&](const Container &) { return weights; };
  steps.rest = [&](const Lock &, const Lock::Entries &) { return NextRevision{contents, {}}; };
  const auto error_with = [&](const std::function<void(CommitSteps &)> &change) {
    CommitSteps changed = steps;
    change(changed);
    return error_of([&] { commit_revision(path, changed); });
  };
  const auto differs = [] { fail(MRUN_VERIFY, "an example differs"); };
  CHECK(error_with([&](CommitSteps &s) {
          s.weights = [&](const Container &) -> Contents {
            differs();
            return {};
          };
        }).message == "an example differs");
  CHECK(error_with([&](CommitSteps &s) { s.meanwhile = differs; }).message == "an example differs");
  contents["preprocess.lua"] = std::string("return 2");
  CHECK(error_with([&](CommitSteps &s) {
          s.prove = [&](int fd) {  // sees the new file, whole
            CHECK(Bundle::open_fd(fd, {.revision = {}, .verify = true})->text("preprocess.lua") == "return 2");
            differs();
          };
        }).message == "an example differs");
  const Error late = error_with([&](CommitSteps &s) {
    s.weights = [](const Container &) { return Contents{}; };
    s.rest = [&](const Lock &, const Lock::Entries &) { return NextRevision{weights, {}}; };
  });
  CHECK(late.code == MRUN_INTERNAL);
  contents["readme.md"] = std::string("differs from README.md in case alone");
  contents["README.md"] = std::string("x");
  CHECK(error_with([](CommitSteps &) {}).code == MRUN_BUNDLE);
  CHECK(read_text(path) == before);
  CHECK(folder.count() == 1);
}

TEST_CASE("commit: a reader of the old file is not disturbed, links and modes stay") {
  const TemporaryFolder folder;
  const fs::path path = folder / "x.mb", link = folder / "link.mb";
  write_bundle(path, sample(), {});
  ::chmod(path.c_str(), 0640);
  fs::create_symlink("x.mb", link);
  const auto old = Bundle::open(path);
  const Tensor weights = old->map_private("model/main.safetensors");
  Contents contents = sample();
  contents["model/main.safetensors"] = std::string(100, 'v');
  contents["preprocess.lua"] = std::string("return 2");
  commit_revision(link, contents, {});
  CHECK(weights.bytes() == std::string(100, 'w'));
  CHECK(old->text("preprocess.lua") == "return function(x) return x end\n");
  CHECK(fs::is_symlink(link));
  struct stat status = {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0640);
  CHECK(Bundle::open(path)->text("preprocess.lua") == "return 2");
}

TEST_CASE("commit: two writers at once add one after the other") {
  const TemporaryFolder folder;
  const fs::path path = folder / "x.mb";
  write_bundle(path, sample(), message("first"));
  constexpr int writers = 8;
  std::vector<std::thread> threads;
  std::atomic<int> failed{0};
  for (int i = 0; i < writers; ++i) {
    threads.emplace_back([&, i] {
      Contents contents = sample();
      contents["preprocess.lua"] = fmt::format("return {}", i);
      try {
        commit_revision(path, contents, message(fmt::format("writer {}", i)));
      } catch (const Error &) { ++failed; }
    });
  }
  for (std::thread &t : threads) t.join();
  CHECK(failed == 0);
  const auto bundle = Bundle::open(path, {.revision = {}, .verify = true});
  CHECK(read_log(*bundle).size() == writers + 1);
  CHECK(folder.count() == 1);
}

TEST_CASE("commit: a damaged history is not built upon") {
  const Three file;
  const std::string bytes = rebuilt(file.path, [](auto &entries, Lock &) { entries.erase("history/locks/2.lock"); });
  write_text(file.path, bytes);
  Contents contents = file.contents;
  contents["preprocess.lua"] = std::string("return 9");
  CHECK(contains(error_of([&] { commit_revision(file.path, contents, {}); }).message,
                 "history/locks/2.lock: is missing"));
  CHECK(read_text(file.path) == bytes);
}

TEST_CASE("commit: on a full disk the file is as it was") {
  const TemporaryFolder folder;
  const fs::path path = folder / "x.mb";
  write_bundle(path, sample(), {});
  const std::string before = read_text(path);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {  // the limit on the size of files stands for the disk's
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{before.size() / 2, before.size() / 2};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    Contents contents = sample();
    contents["preprocess.lua"] = std::string("return 2");
    try {
      commit_revision(path, contents, {});
      ::_exit(1);
    } catch (const Error &e) { ::_exit(e.code == MRUN_IO ? 0 : 2); }
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0));
  CHECK(read_text(path) == before);
  CHECK(folder.count() == 1);
}

// A commit by a user who may write nothing there; root, who may write anywhere, becomes nobody for it.
int code_as_nobody(const fs::path &path, const Contents &contents) {
  constexpr unsigned nobody = 65534;
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    if (::geteuid() == 0 && (::setgid(nobody) != 0 || ::setuid(nobody) != 0)) ::_exit(100);
    try {
      commit_revision(path, contents, {});
    } catch (const Error &e) { ::_exit(contains(e.message, "x.mb") ? e.code : 101); } catch (...) {
      ::_exit(102);
    }
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_CASE("commit: in a read-only folder the file is as it was") {
  const TemporaryFolder folder;
  const fs::path path = folder / "x.mb";
  write_bundle(path, sample(), {});
  fs::permissions(path, fs::perms::owner_read | fs::perms::others_read);
  const std::string before = read_text(path);
  Contents contents = sample();
  contents["preprocess.lua"] = std::string("return 2");
  fs::permissions(folder.path,
                  fs::perms::owner_read | fs::perms::owner_exec | fs::perms::others_read | fs::perms::others_exec);
  CHECK(code_as_nobody(path, contents) == MRUN_IO);
  fs::permissions(folder.path, fs::perms::owner_all | fs::perms::others_exec);
  fs::permissions(path, fs::perms::none);  // nor may it be read
  const int unreadable = code_as_nobody(path, contents);
  CHECK((unreadable == MRUN_IO || unreadable == MRUN_BUNDLE));
  fs::permissions(path, fs::perms::owner_all);
  CHECK(read_text(path) == before);
  CHECK(folder.count() == 1);
}
