#include "check.h"

#include <poll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>

#include "report.h"
#include "view.h"

namespace command {
namespace {

constexpr int patience = 30;  // seconds without a word from the plugin

// Memory that the child writes and the parent reads: what is being called. A text that is cut off between two writes is
// still a text: its last byte is never written.
class Watched {
 public:
  Watched()
      : now_(
            static_cast<Now *>(mmap(nullptr, sizeof(Now), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {
    if (now_ == MAP_FAILED) throw mrun::failure(MRUN_MEMORY, "no memory to share with the process that is checked");
  }
  ~Watched() { munmap(now_, sizeof(Now)); }
  Watched(const Watched &) = delete;
  Watched &operator=(const Watched &) = delete;
  void note(const char *what) const {
    std::strncpy(now_->text, what, sizeof now_->text - 1);
    now_->count = now_->count + 1;
  }
  void note_unheard() const { now_->unheard = true; }
  bool unheard() const { return now_->unheard; }  // it had a report, and no pipe any more
  std::string text() const { return now_->text; }
  unsigned long count() const { return now_->count; }

 private:
  struct Now {
    volatile unsigned long count;
    volatile bool unheard;
    char text[8192];
  };
  Now *const now_;
};

// What ended: the report, or why there is none.
struct Ending {
  std::string report;
  int status = ok;      // of the command, where there is no report
  std::string problem;  // "ends the process (Aborted)"
};

bool write_all(int fd, const std::string &text) {
  for (size_t done = 0; done < text.size();) {
    const ssize_t n = write(fd, text.data() + done, text.size() - done);
    if (n <= 0) return false;
    done += static_cast<size_t>(n);
  }
  return true;
}

// In the child: writes the report into the pipe. Never returns, and runs no destructor of the parent's.
[[noreturn]] void run_child(const std::string &path, const std::string &bundle, Watched &watched, int out) {
  int status = ok;
  try {
    const auto note = [](void *user, const char *what) { static_cast<const Watched *>(user)->note(what); };
    mrun_bundle *models = nullptr;
    if (!bundle.empty()) {
      mrun::host_detail::call([&](mrun_error *e) { return mrun_open(bundle.c_str(), nullptr, &models, e); });
    }
    const std::string made = mrun::host_detail::string_of(
        [&](char **s, mrun_error *e) { return mrun_check_plugin(path.c_str(), models, note, &watched, s, e); });
    if (!write_all(out, made)) watched.note_unheard();
  } catch (const mrun::failure &e) { status = report(e); }
  _exit(status);
}

// Reads what the child writes until it ends; kills it where it says nothing for long. True: it ended by itself.
bool read_all(int fd, pid_t child, const Watched &watched, std::string &all) {
  char buffer[4096];
  unsigned long seen = 0;
  for (int silent = 0; silent < patience;) {
    pollfd p{fd, POLLIN, 0};
    if (poll(&p, 1, 1000) == 0) {
      silent = watched.count() == seen ? silent + 1 : 0;
      seen = watched.count();
      continue;
    }
    const ssize_t n = read(fd, buffer, sizeof buffer);
    if (n <= 0) return true;
    all.append(buffer, static_cast<size_t>(n));
  }
  kill(child, SIGKILL);
  return false;
}

Ending run_apart(const std::string &path, const std::string &bundle, Watched &watched) {
  int ends[2];
  if (pipe(ends) != 0) throw mrun::failure(MRUN_IO, "no pipe to the process that is checked");
  const pid_t child = fork();
  if (child == 0) run_child(path, bundle, watched, ends[1]);
  close(ends[1]);
  Ending ending;
  const bool returned = child < 0 || read_all(ends[0], child, watched, ending.report);
  close(ends[0]);
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) throw mrun::failure(MRUN_IO, "no process to check it in");
  if (!returned) {
    ending.problem = "does not return within " + std::to_string(patience) + " s";
  } else if (WIFSIGNALED(status)) {
    ending.problem = std::string("ends the process (") + strsignal(WTERMSIG(status)) + ")";
  } else if (watched.unheard()) {
    ending.problem = "or an operation before it closes all files, those of the process that it runs in, too";
  } else if (WEXITSTATUS(status) != ok && ending.report.empty()) {
    ending.status = WEXITSTATUS(status);  // it has said why, or a plugin called exit
    if (watched.count() > 0) ending.problem = "ends the process (exit)";
  } else if (ending.report.empty()) {
    ending.problem = "ends the process (exit)";
  }
  return ending;
}

// A report as the library would have made it, of a plugin that let it make none.
std::string report_of(const std::string &path, const std::string &where, const std::string &problem) {
  using Entries = std::vector<std::pair<std::string, mrun::variant>>;
  Entries one, all;
  one.emplace_back("operation", mrun::text(where));
  one.emplace_back("text", mrun::text(problem));
  std::vector<mrun::variant> problems;
  problems.push_back(mrun::map(std::move(one)));
  all.emplace_back("plugin", mrun::text(path));
  all.emplace_back("problems", mrun::list(std::move(problems)));
  return mrun::map(std::move(all)).json();
}

void show(const View &report) {
  const View problems = report.at("problems");
  std::string out = shown(report.at("plugin").text()) + " " + shown(report.at("version").text()) + ": ";
  if (!report.at("calls").is_nil()) {
    out += mrun::counted(report.at("operations").number(), "operation") + " and " +
           mrun::counted(report.at("models").number(), "model") + ", " +
           mrun::counted(report.at("calls").number(), "call") + ", " +
           mrun::counted(report.at("answered").number(), "answered", "answered") + ", ";
  }
  out += mrun::counted(problems.size(), "problem") + "\n";
  for (size_t i = 0; i < problems.size(); ++i) {
    const std::string operation = problems[i].at("operation").text();
    out += "  " + (operation.empty() ? "" : shown(operation) + ": ") + shown(problems[i].at("text").text()) + "\n";
  }
  print(out);
}

}  // namespace

int check_plugin(const std::string &path, const std::string &bundle, bool json) {
  Watched watched;
  Ending ending = run_apart(path, bundle, watched);
  if (ending.report.empty() && ending.problem.empty()) return ending.status;
  if (!ending.problem.empty()) ending.report = report_of(path, watched.text(), ending.problem);
  mrun::variant parsed;
  try {
    parsed = mrun::from_json(ending.report);
  } catch (const mrun::failure &) {
    ending.report = report_of(path, watched.text(), "or an operation before it writes into memory that is not its own");
    parsed = mrun::from_json(ending.report);
  }
  const View report{&parsed.c()};
  if (json) {
    print(ending.report + "\n");
  } else {
    show(report);
  }
  return report.at("problems").size() == 0 ? ok : some_failed;
}

}  // namespace command
