#include "base/draft.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <fstream>
#include <functional>
#include <map>
#include <thread>

#include "catch.h"

using namespace mrun;
namespace fs = std::filesystem;

namespace {

struct Place {
  Place() {
    std::string name = (fs::temp_directory_path() / "mrun-draft-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Place() { fs::remove_all(path); }
  // What is in it, hidden names too, by its path.
  std::map<std::string, std::string> content() const {
    std::map<std::string, std::string> files;
    for (const auto &e : fs::recursive_directory_iterator(path)) {
      files.emplace(e.path().lexically_relative(path).string(), e.is_directory() ? "/" : read_file(e.path()));
    }
    return files;
  }
  fs::path path;
};
using Content = std::map<std::string, std::string>;

// A process that makes drafts of a.txt and folder and is killed before it has committed them.
void be_killed(const fs::path &where) {
  const pid_t child = ::fork();
  if (child == 0) {
    const FileDraft file(where / "a.txt");
    const FolderDraft folder(where / "folder");
    folder.write("inner/b.txt", "half");
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
}

}  // namespace

TEST_CASE("drafts: a file and a folder appear whole, or nothing does") {
  const Place place;
  {
    FileDraft file(place.path / "a.txt");
    write_all(file.fd(), "new", "a.txt");
    FolderDraft folder(place.path / "folder");
    folder.write("b.txt", "one");
    folder.write("inner/c.txt", "two");
    CHECK_FALSE(fs::exists(place.path / "a.txt"));
    CHECK_FALSE(fs::exists(place.path / "folder"));
    file.commit();
    folder.commit();
  }
  const Content whole{
      {"a.txt", "new"}, {"folder", "/"}, {"folder/b.txt", "one"}, {"folder/inner", "/"}, {"folder/inner/c.txt", "two"}};
  CHECK(place.content() == whole);
  {
    const FileDraft file(place.path / "a.txt");
    write_all(file.fd(), "other", "a.txt");
    const FolderDraft folder(place.path / "folder");
    folder.write("d.txt", "three");
  }
  CHECK(place.content() == whole);
}

TEST_CASE("drafts: a folder takes another's place only where it is asked to") {
  const Place place;
  fs::create_directory(place.path / "folder");
  {
    FolderDraft over_empty(place.path / "folder");
    over_empty.write("old.txt", "1");
    over_empty.commit();
    FolderDraft refused(place.path / "folder");
    refused.write("new.txt", "2");
    CHECK_THROWS_WITH(refused.commit(), Catch::Matchers::ContainsSubstring("cannot put the folder in its place"));
    FolderDraft replacing(place.path / "folder");
    replacing.write("new.txt", "3");
    replacing.commit(true);
  }
  CHECK(place.content() == Content{{"folder", "/"}, {"folder/new.txt", "3"}});
}

TEST_CASE("drafts: what a killed writer left is removed by the next, and what a living one writes is not") {
  const Place place;
  be_killed(place.path);
  CHECK(place.content().size() == 4);
  std::ofstream(place.path / ".a.txt.tmp-other") << "not ours";
  {
    const FileDraft living(place.path / "a.txt");
    FileDraft next(place.path / "a.txt");
    FolderDraft folder(place.path / "folder");
    CHECK(place.content().size() == 4);  // two drafts of a.txt, one of the folder, and what is not ours
    next.commit();
    folder.commit();
  }
  CHECK(place.content() == Content{{".a.txt.tmp-other", "not ours"}, {"a.txt", ""}, {"folder", "/"}});
}

TEST_CASE("a kept draft is gone on with, by one writer at a time") {
  const Place place;
  const fs::path target = place.path / "a.txt";
  {
    FileDraft first(target, FileDraft::Kept::part);
    write_all(first.fd(), "one ", "a.txt");
    CHECK_THROWS_WITH(FileDraft(target, FileDraft::Kept::part),
                      Catch::Matchers::ContainsSubstring("another run writes it"));
    first.leave();
  }
  CHECK(place.content() == Content{{".a.txt.part", "one "}});
  { const FileDraft fresh(target); }  // another kind of draft, which leaves it alone
  FileDraft second(target, FileDraft::Kept::part);
  REQUIRE(::lseek(second.fd(), 0, SEEK_END) == 4);
  write_all(second.fd(), "two", "a.txt");
  second.commit();
  CHECK(place.content() == Content{{"a.txt", "one two"}});
  { const FileDraft third(target, FileDraft::Kept::part); }
  CHECK(place.content() == Content{{"a.txt", "one two"}});
}

TEST_CASE("a kept draft never is the file that its last writer has put in its place meanwhile") {
  const Place place;
  const fs::path target = place.path / "a.txt";
  const auto begin = [&](const std::function<void(FileDraft &)> &go_on) {
    try {
      FileDraft draft(target, FileDraft::Kept::part);
      if (::ftruncate(draft.fd(), 0) == 0) go_on(draft);
    } catch (const Error &e) {
      if (e.code != MRUN_USAGE) throw;  // another writes it
    }
  };
  std::atomic<bool> ended = false;
  std::thread other([&] {
    while (!ended) begin([](FileDraft &draft) { draft.leave(); });
  });
  int torn = 0;
  for (int written = 0; written < 300;) {
    begin([&](FileDraft &draft) {
      write_all(draft.fd(), "whole", "a.txt");
      draft.commit();
      ++written;
    });
    torn += written > 0 && read_file(target) != "whole" ? 1 : 0;
  }
  ended = true;
  other.join();
  CHECK(torn == 0);
}

TEST_CASE("drafts: a folder for which no descriptor is left leaves nothing behind") {
  const Place place;
  const pid_t child = ::fork();
  if (child == 0) {
    const rlimit none{3, 64}, some{64, 64};  // standard input, output and error
    for (int fd = 3; fd < 64; ++fd) ::close(fd);
    ::setrlimit(RLIMIT_NOFILE, &none);
    try {
      const FolderDraft folder(place.path / "folder");
    } catch (const Error &e) {
      ::setrlimit(RLIMIT_NOFILE, &some);  // UBSan looks at what was thrown through a pipe
      ::_exit(e.code == MRUN_IO ? 7 : 8);
    }
    ::_exit(9);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 7);
  CHECK(place.content().empty());
}
