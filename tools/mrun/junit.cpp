#include "junit.h"

#include <algorithm>
#include <cstdio>
#include <vector>

#include "output.h"
#include "report.h"

namespace command {
namespace {

// The length of the character at `i`, or 0 where the bytes are no UTF-8: a path may hold any.
size_t utf8_length(const std::string &text, size_t i) {
  const auto byte = [&](size_t k) { return i + k < text.size() ? static_cast<unsigned char>(text[i + k]) : 0u; };
  const unsigned c = byte(0);
  const size_t n = c < 0x80 ? 1 : c >= 0xC2 && c < 0xE0 ? 2 : c >= 0xE0 && c < 0xF0 ? 3 : c >= 0xF0 && c < 0xF5 ? 4 : 0;
  for (size_t k = 1; k < n; ++k) {
    if ((byte(k) & 0xC0) != 0x80) return 0;
  }
  const bool overlong = (c == 0xE0 && byte(1) < 0xA0) || (c == 0xF0 && byte(1) < 0x90);
  const bool outside = (c == 0xED && byte(1) >= 0xA0) || (c == 0xF4 && byte(1) >= 0x90);  // surrogates, above U+10FFFF
  return overlong || outside ? 0 : n;
}

// For attributes and texts alike. What XML 1.0 cannot hold, escaped or not, becomes U+FFFD.
std::string escaped(const std::string &text) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    const size_t length = utf8_length(text, i);
    const std::string c = text.substr(i, std::max<size_t>(length, 1));
    i += c.size();
    if (c == "&") {
      out += "&amp;";
    } else if (c == "<") {
      out += "&lt;";
    } else if (c == ">") {
      out += "&gt;";
    } else if (c == "\"") {
      out += "&quot;";
    } else if (c == "\t" || c == "\n" || c == "\r") {
      out += "&#" + std::to_string(int{c[0]}) + ";";
    } else if (length == 0 || (length == 1 && c[0] < 0x20) || c == "\xEF\xBF\xBE" || c == "\xEF\xBF\xBF") {
      out += "\xEF\xBF\xBD";
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
