#include "junit.h"

#include <cstdio>
#include <vector>

#include "output.h"
#include "report.h"

namespace command {
namespace {

// For attributes and texts alike. What XML 1.0 cannot hold, escaped or not, becomes U+FFFD.
std::string escaped(const std::string &text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '"') {
      out += "&quot;";
    } else if (c == '\t' || c == '\n' || c == '\r') {
      out += "&#" + std::to_string(int{c}) + ";";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += "\xEF\xBF\xBD";
    } else if (text.compare(i, 2, "\xEF\xBF") == 0 && i + 2 < text.size() && (text[i + 2] & 0x3E) == 0x3E) {
      out += "\xEF\xBF\xBD";  // U+FFFE, U+FFFF
      i += 2;
    } else {
      out += c;
    }
  }
  return out;
}

std::string attribute(const char *name, const std::string &value) {
  return std::string(" ") + name + "=\"" + escaped(value) + "\"";
}

std::string seconds(double s) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6f", s);
  return text;
}

struct Case {
  enum class Result { ok, failure, error, skipped };
  std::string name;
  Result result = Result::ok;
  std::string type, text;
  double seconds = 0;
};

std::string show_case(const std::string &bundle, const Case &c) {
  const std::string open = "    <testcase" + attribute("classname", bundle) + attribute("name", c.name) +
                           attribute("time", seconds(c.seconds));
  if (c.result == Case::Result::ok) return open + "/>\n";
  if (c.result == Case::Result::skipped) {
    return open + ">\n      <skipped" + attribute("message", c.text) + "/>\n    </testcase>\n";
  }
  const std::string element = c.result == Case::Result::error ? "error" : "failure";
  return open + ">\n      <" + element + attribute("type", c.type) + attribute("message", c.text) + ">" +
         escaped(c.text) + "</" + element + ">\n    </testcase>\n";
}

void write(const std::string &path, const std::string &bundle, const std::vector<Case> &cases) {
  size_t failures = 0, errors = 0, skipped = 0;
  double time = 0;
  std::string inside;
  for (const Case &c : cases) {
    failures += c.result == Case::Result::failure ? 1 : 0;
    errors += c.result == Case::Result::error ? 1 : 0;
    skipped += c.result == Case::Result::skipped ? 1 : 0;
    time += c.seconds;
    inside += show_case(bundle, c);
  }
  const std::string counts = attribute("tests", std::to_string(cases.size())) +
                             attribute("failures", std::to_string(failures)) +
                             attribute("errors", std::to_string(errors));
  Output file(path);
  file.put(0, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites" + attribute("name", "mrun verify") + counts +
                  attribute("time", seconds(time)) + ">\n  <testsuite" + attribute("name", bundle) + counts +
                  attribute("skipped", std::to_string(skipped)) + attribute("time", seconds(time)) + ">\n" + inside +
                  "  </testsuite>\n</testsuites>\n");
  file.finish();
}

Case case_of_hashes(const std::string &hashes) {
  Case c{"hashes", Case::Result::ok, "", hashes, 0};
  if (hashes == "none") {
    c.result = Case::Result::skipped;
    c.text = "a folder has no hashes";
  } else if (hashes != "ok") {
    c.result = Case::Result::failure;
    c.type = "hashes";
  }
  return c;
}

}  // namespace

void write_junit(const std::string &path, const std::string &bundle, const View &report) {
  std::vector<Case> cases{case_of_hashes(report.at("hashes").text())};
  const View examples = report.at("examples");
  for (size_t i = 0; i < examples.size(); ++i) {
    const View row = examples[i];
    Case c{"examples/" + row.at("name").text(), Case::Result::ok, "", "", row.at("seconds").number()};
    if (!row.at("equal").flag()) {
      c.result = Case::Result::failure;
      c.type = row.at("leaks").flag() ? "leak" : row.at("stage").text();
      c.text = what_differs(row);
    }
    cases.push_back(std::move(c));
  }
  write(path, bundle, cases);
}

void write_junit_error(const std::string &path, const std::string &bundle, const std::string &message) {
  write(path, bundle, {Case{"open", Case::Result::error, "refused", message, 0}});
}

}  // namespace command
