#include "draw.h"

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>

#include "opencv.h"
#include "rows.h"

namespace image {
namespace {

// Twelve colours that differ from one another and from most photos.
constexpr uint8_t palette[][3] = {{230, 25, 75},  {60, 180, 75},  {0, 130, 200},  {245, 130, 48},
                                  {145, 30, 180}, {70, 240, 240}, {240, 50, 230}, {255, 225, 25},
                                  {0, 128, 128},  {170, 110, 40}, {128, 0, 0},    {0, 0, 128}};

cv::Scalar scalar(const uint8_t *rgb, int channels) {
  if (channels == 1) return cv::Scalar(luma(rgb));
  return cv::Scalar(rgb[0], rgb[1], rgb[2], 255);
}

// Far outside is as good as outside, and fits the library's fixed point.
int pixel(double v) { return std::isfinite(v) ? int(std::lround(std::clamp(v, -30000.0, 30000.0))) : 0; }

std::string printable(const std::string &text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x80 && c < 0xc0) continue;  // a character of several bytes is one "?"
    out += c >= 0x20 && c < 0x7f ? text[i] : '?';
  }
  return out;
}

// White or black, whichever can be read on the colour.
cv::Scalar text_colour(const uint8_t *rgb, int channels) {
  static constexpr uint8_t black[3] = {0, 0, 0}, white[3] = {255, 255, 255};
  return scalar(luma(rgb) > 140 ? black : white, channels);
}

class Pen {
 public:
  Pen(Canvas canvas, int line) : mat_(as_mat(canvas)) {
    const int shorter = std::min(canvas.height, canvas.width);
    line_ = line > 0 ? line : std::max(1, int(std::lround(shorter / 250.0)));
    scale_ = std::max(0.4, line_ * 0.25);
    stroke_ = std::max(1, int(std::lround(line_ * 0.5)));
  }

  void box(const Box &b, const uint8_t *rgb) {
    cv::rectangle(mat_, corner(b.left, b.top), corner(b.right, b.bottom), scalar(rgb, mat_.channels()), line_,
                  cv::LINE_8);
  }

  // On a filled strip above the box; inside it where there is no room above; never beyond the right edge.
  void label(const Box &b, const uint8_t *rgb) {
    const std::string text = printable(b.label);
    int below = 0;
    const cv::Size size = cv::getTextSize(text, font, scale_, stroke_, &below);
    const int margin = line_ + 1, height = size.height + below + 2 * margin, width = size.width + 2 * margin;
    const int half = line_ / 2;
    int top = pixel(b.top) - half - height;
    if (top < 0) top = std::max(0, pixel(b.top) + half);
    const int left = std::max(0, std::min(pixel(b.left) - half, mat_.cols - width));
    cv::rectangle(mat_, cv::Rect(left, top, width, height), scalar(rgb, mat_.channels()), cv::FILLED);
    cv::putText(mat_, text, {left + margin, top + margin + size.height}, font, scale_,
                text_colour(rgb, mat_.channels()), stroke_, cv::LINE_AA);
  }

 private:
  static constexpr int font = cv::FONT_HERSHEY_SIMPLEX;
  static cv::Point corner(double x, double y) { return {pixel(x), pixel(y)}; }
  cv::Mat mat_;
  int line_ = 1, stroke_ = 1;
  double scale_ = 0.4;
};

}  // namespace

void draw_boxes(Canvas canvas, const std::vector<Box> &boxes, int line) {
  Pen pen(canvas, line);
  constexpr int colours = int(sizeof palette / sizeof *palette);
  auto colour = [&](const Box &b) { return palette[((b.colour % colours) + colours) % colours]; };
  for (const Box &b : boxes) pen.box(b, colour(b));
  // Labels come last, so that no box runs through one.
  for (const Box &b : boxes)
    if (!b.label.empty()) pen.label(b, colour(b));
}

}  // namespace image
