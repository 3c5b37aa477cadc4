#include <opencv2/imgproc.hpp>

#include "opencv.h"
#include "resample.h"

namespace image {

void resize_linear(View source, Canvas out) {
  // OpenCV interleaves at most four channels in its fast paths; more are taken plane by plane by its general one.
  cv::Mat to = as_mat(out);
  cv::resize(as_mat(source), to, to.size(), 0, 0, cv::INTER_LINEAR);
}

}  // namespace image
