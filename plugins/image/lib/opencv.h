// Views as cv::Mat, without a copy. Only for the few operations that OpenCV defines (antialias = false, LAB, drawing).
#pragma once
#include <opencv2/core.hpp>

#include "pixels.h"

namespace image {

template <class Byte>
cv::Mat as_mat(const BasicView<Byte> &v) {
  const int depth = v.type == Type::u8 ? CV_8U : CV_32F;
  return {v.height, v.width, CV_MAKETYPE(depth, v.channels), const_cast<uint8_t *>(v.data), size_t(v.stride)};
}

}  // namespace image
