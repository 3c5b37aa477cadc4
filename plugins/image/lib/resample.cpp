#include "resample.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "alpha.h"
#include "kernels.h"

namespace image {
namespace {

// The rows [first, last) that the outputs of an axis read.
void needed(const Axis &axis, int &first, int &size) {
  first = axis.start.front();
  int last = 0;
  for (size_t i = 0; i < axis.start.size(); ++i) {
    first = std::min(first, axis.start[i]);
    last = std::max(last, axis.start[i] + axis.size[i]);
  }
  size = last - first;
}

// Rows of the source that the kernels may read beyond their end: those near the end of the memory are copied; where
// there is alpha each is premultiplied into scratch.
class SourceRows {
 public:
  SourceRows(Context &context, View source, int scratch_rows)
      : source_(source), alpha_(source.channels == 2 || source.channels == 4), scratch_rows_(scratch_rows) {
    row_bytes_ = source.row_bytes() + row_slack;
    const ptrdiff_t step = std::max<ptrdiff_t>(1, std::abs(source.stride));
    const ptrdiff_t risky = std::min<ptrdiff_t>(source.height, (row_slack + step - 1) / step + 1);
    safe_ = source.height - int(risky);
    if (alpha_) {
      scratch_ = context.allocate(row_bytes_ * size_t(scratch_rows));
      std::memset(scratch_.get(), 0, row_bytes_ * size_t(scratch_rows));
      held_.assign(size_t(scratch_rows), -1);
      return;
    }
    scratch_ = context.allocate(row_bytes_ * size_t(risky));
    std::memset(scratch_.get(), 0, row_bytes_ * size_t(risky));
    for (int y = safe_; y < source.height; ++y)
      std::memcpy(scratch_.get() + size_t(y - safe_) * row_bytes_, source.row(y), source.row_bytes());
  }
  // Valid until scratch_rows further rows were asked for.
  const uint8_t *operator()(int y) {
    if (alpha_) {
      const size_t slot = size_t(y % scratch_rows_);
      uint8_t *row = scratch_.get() + slot * row_bytes_;
      if (held_[slot] != y) premultiply(source_.row(y), row, source_.width, source_.channels);
      held_[slot] = y;
      return row;
    }
    return y < safe_ ? source_.row(y) : scratch_.get() + size_t(y - safe_) * row_bytes_;
  }

 private:
  View source_;
  bool alpha_;
  int scratch_rows_;
  int safe_ = 0;
  size_t row_bytes_ = 0;
  std::shared_ptr<uint8_t> scratch_;
  std::vector<int> held_;  // which source row each row of scratch holds
};

// Horizontally resampled rows, made in falling demand: a ring that holds what one output row of the vertical pass
// needs.
class RowRing {
 public:
  RowRing(Context &context, const Kernels &kernels, const Axis &axis, View source, int rows_at_once)
      : kernels_(kernels),
        channels_(source.channels),
        height_(source.height),
        width_(int(axis.start.size())),
        capacity_(rows_at_once + 4),
        rows_(context, source, capacity_),
        pass_(axis.pass) {
    if (!pass_) return;
    needed(axis, origin_, size_);
    weights_ = std::make_unique<FixedAxis>(axis, channels_, true, kernels.vector);
    row_bytes_ = size_t(width_) * size_t(channels_) + row_slack;
    ring_ = context.allocate(row_bytes_ * size_t(capacity_));
    std::memset(ring_.get(), 0, row_bytes_ * size_t(capacity_));
  }
  // Pointers to rows [first, first + size), never going back by more than the capacity.
  const uint8_t *const *operator()(int first, int size) {
    pointers_.resize(size_t(size));
    for (int i = 0; i < size; ++i) {
      const int y = first + i;
      pointers_[size_t(i)] = pass_ ? horizontal(y) : rows_(y);
    }
    return pointers_.data();
  }

 private:
  uint8_t *slot(int y) { return ring_.get() + size_t(y % capacity_) * row_bytes_; }
  const uint8_t *horizontal(int y) {
    if (y >= done_) {
      // Rows that nobody asked for are skipped; four rows share each load of the weights.
      const int from = std::max(done_, y), lines = std::min(4, height_ - from);
      const uint8_t *in[4];
      uint8_t *out[4];
      for (int l = 0; l < lines; ++l) {
        in[l] = rows_(from + l);
        out[l] = slot(from + l);
      }
      kernels_.horizontal(*weights_, channels_, in, lines, origin_, out);
      done_ = from + lines;
    }
    return slot(y);
  }

  const Kernels &kernels_;
  int channels_, height_, width_, capacity_;
  SourceRows rows_;
  bool pass_;
  int origin_ = 0, size_ = 0, done_ = 0;
  size_t row_bytes_ = 0;
  std::unique_ptr<FixedAxis> weights_;
  std::shared_ptr<uint8_t> ring_;
  std::vector<const uint8_t *> pointers_;
};

// Float rows: [rows][width * channels], in double, each pass rounded to float as Pillow stores it.
void horizontal_f32(const Axis &axis, int origin, int channels, const float *in, float *out) {
  for (size_t i = 0; i < axis.start.size(); ++i) {
    const float *from = in + ptrdiff_t(axis.start[i] - origin) * channels;
    const double *w = axis.weights.data() + i * size_t(axis.taps);
    for (int c = 0; c < channels; ++c) {
      double sum = 0.0;
      for (int t = 0; t < axis.size[i]; ++t) sum += double(from[t * channels + c]) * w[t];
      out[i * size_t(channels) + size_t(c)] = float(sum);
    }
  }
}

void vertical_f32(const double *w, int size, const uint8_t *first, ptrdiff_t stride, int values, float *out) {
  constexpr int block = 128;
  for (int x = 0; x < values; x += block) {
    const int n = std::min(block, values - x);
    double sum[block] = {};
    for (int t = 0; t < size; ++t) {
      const float *row = reinterpret_cast<const float *>(first + t * stride) + x;
      for (int i = 0; i < n; ++i) sum[i] += double(row[i]) * w[t];
    }
    for (int i = 0; i < n; ++i) out[x + i] = float(sum[i]);
  }
}

}  // namespace

Resize whole_resize(int in_height, int in_width, int out_height, int out_width, Filter filter) {
  return {in_height, in_width, out_height, out_width, filter, {0, 0, float(in_width), float(in_height)}};
}

Resampler::Resampler(Context &context, const Resize &resize, const Rect &part)
    : weights_(context, axis_bytes(resize.filter, resize.in_width, resize.out_width, part.width) +
                            axis_bytes(resize.filter, resize.in_height, resize.out_height, part.height)),
      resize_(resize),
      part_(part),
      horizontal_(resample_axis(resize.filter, resize.in_width, resize.box[0], resize.box[2], resize.out_width,
                                part.left, part.width)),
      vertical_(resample_axis(resize.filter, resize.in_height, resize.box[1], resize.box[3], resize.out_height,
                              part.top, part.height)) {
  needed(horizontal_, needs_.left, needs_.width);
  needed(vertical_, needs_.top, needs_.height);
}

void Resampler::run(Context &context, View source, Canvas out) const {
  if (resize_.filter == Filter::nearest) return run_nearest(source, out);
  if (!horizontal_.pass && !vertical_.pass) return copy(source, out);
  source.type == Type::u8 ? run_u8(context, source, out) : run_f32(context, source, out);
}

void Resampler::run_nearest(View source, Canvas out) const {
  const int size = source.channels * size_of(source.type);
  for (int y = 0; y < out.height; ++y) {
    const uint8_t *in = source.row(vertical_.start[size_t(y)] - needs_.top);
    uint8_t *to = out.row(y);
    for (int x = 0; x < out.width; ++x, to += size)
      std::memcpy(to, in + ptrdiff_t(horizontal_.start[size_t(x)] - needs_.left) * size, size_t(size));
  }
}

void Resampler::run_u8(Context &context, View source, Canvas out) const {
  const Kernels &kernels = best_kernels();
  const bool alpha = source.channels == 2 || source.channels == 4;
  RowRing rows(context, kernels, horizontal_, source, std::max(1, vertical_.taps));
  std::unique_ptr<FixedAxis> weights;
  if (vertical_.pass) weights = std::make_unique<FixedAxis>(vertical_, source.channels, false, kernels.vector);
  const size_t bytes = out.row_bytes();
  for (int y = 0; y < out.height; ++y) {
    if (y % 64 == 0) context.poll();
    const uint8_t *const *in = rows(vertical_.start[size_t(y)] - needs_.top, vertical_.size[size_t(y)]);
    if (weights)
      kernels.vertical(*weights, y, in, int(bytes), out.row(y));
    else
      std::memcpy(out.row(y), in[0], bytes);
    if (alpha) unpremultiply(out.row(y), out.width, out.channels);
  }
}

void Resampler::run_f32(Context &context, View source, Canvas out) const {
  View rows = source;
  Pixels between;
  if (horizontal_.pass) {
    between = Pixels(context, Shape{source.height, out.width, source.channels, Type::f32});
    for (int y = 0; y < source.height; ++y) {
      if (y % 64 == 0) context.poll();
      horizontal_f32(horizontal_, needs_.left, source.channels, reinterpret_cast<const float *>(source.row(y)),
                     reinterpret_cast<float *>(between.canvas.row(y)));
    }
    rows = between.canvas;
  }
  for (int y = 0; y < out.height; ++y) {
    if (y % 64 == 0) context.poll();
    const int first = vertical_.start[size_t(y)] - needs_.top;
    if (!vertical_.pass) {
      std::memcpy(out.row(y), rows.row(first), out.row_bytes());
      continue;
    }
    vertical_f32(vertical_.weights.data() + size_t(y) * size_t(vertical_.taps), vertical_.size[size_t(y)],
                 rows.row(first), rows.stride, out.width * out.channels, reinterpret_cast<float *>(out.row(y)));
  }
}

namespace {

void resize_part(Context &context, View source, const float box[4], Canvas out, Filter filter) {
  Resize resize = whole_resize(source.height, source.width, out.height, out.width, filter);
  std::copy_n(box, 4, resize.box);
  const Resampler resampler(context, resize, Rect::whole(out));
  resampler.run(context, source.part(resampler.needs()), out);
}

}  // namespace

void resize(Context &context, View source, Canvas out, Filter filter, double reducing_gap) {
  float box[4] = {0, 0, float(source.width), float(source.height)};
  const bool alpha = source.type == Type::u8 && (source.channels == 2 || source.channels == 4);
  const bool same = source.height == out.height && source.width == out.width;
  int fx = 1, fy = 1;
  if (reducing_gap > 0 && filter != Filter::nearest && !alpha && !same) {
    fx = std::max(1, int(double(source.width) / out.width / reducing_gap));
    fy = std::max(1, int(double(source.height) / out.height / reducing_gap));
  }
  if (fx == 1 && fy == 1) return resize_part(context, source, box, out, filter);
  // The whole image is the box, so that no pixel around it can be needed.
  Pixels small(context,
               Shape{(source.height + fy - 1) / fy, (source.width + fx - 1) / fx, source.channels, source.type});
  reduce(source, Rect::whole(source), fy, fx, small.canvas);
  box[2] = float(double(source.width) / fx);
  box[3] = float(double(source.height) / fy);
  resize_part(context, small.canvas, box, out, filter);
}

void resize_box(Context &context, View source, const float box[4], Canvas out, Filter filter) {
  resize_part(context, source, box, out, filter);
}

}  // namespace image
