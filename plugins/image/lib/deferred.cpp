#include "deferred.h"

#include <utility>

#include "geometry.h"

namespace image {

namespace {

// Errors say which operation is at fault, not which one needed its pixels.
template <class F>
void named(const char *operation, F &&f) {
  try {
    f();
  } catch (Error &e) {
    if (e.operation.empty()) e.operation = operation;
    throw;
  }
}

}  // namespace

Pixels Node::computed(Context &context, const Rect &rect) {
  Pixels pixels(context, Shape{rect.height, rect.width, shape_.channels, shape_.type});
  named(operation_, [&] { compute(context, rect, pixels.canvas); });
  return pixels;
}

Node::Part Node::part(Context &context, const Rect &wanted) {
  if (auto borrowed = borrow(context, wanted)) return *borrowed;
  if (std::exchange(asked_, true) && !kept_.memory) kept_ = computed(context, Rect::whole(shape_));
  if (kept_.memory) return {View(kept_.canvas).part(wanted), kept_.memory};
  const Rect rect = granularity(wanted);
  const Pixels pixels = computed(context, rect);
  const Rect inside{wanted.top - rect.top, wanted.left - rect.left, wanted.height, wanted.width};
  return {View(pixels.canvas).part(inside), pixels.memory};
}

void Node::write(Context &context, Canvas out) {
  const Rect whole = Rect::whole(shape_);
  if (auto borrowed = borrow(context, whole)) return copy(borrowed->view, out);
  if (kept_.memory) return copy(kept_.canvas, out);
  asked_ = true;
  named(operation_, [&] { compute(context, whole, out); });
}

namespace {

class FixedNode final : public Node {
 public:
  FixedNode(View view, std::shared_ptr<const void> memory)
      : Node("", view, 0), view_(view), memory_(std::move(memory)) {}

 private:
  void compute(Context &, const Rect &rect, Canvas out) override { copy(view_.part(rect), out); }
  std::optional<Part> borrow(Context &, const Rect &rect) override { return Part{view_.part(rect), memory_}; }
  View view_;
  std::shared_ptr<const void> memory_;
};

class DecodeNode final : public Node {
 public:
  DecodeNode(std::unique_ptr<Decoder> decoder, Mode mode, std::shared_ptr<const void> bytes)
      : Node("image.decode", Shape{decoder->height(), decoder->width(), channels_of(mode), type_of(mode)}, 1),
        decoder_(std::move(decoder)),
        mode_(mode),
        bytes_(std::move(bytes)) {}

 private:
  void compute(Context &context, const Rect &rect, Canvas out) override { decoder_->read(context, mode_, rect, out); }
  Rect granularity(const Rect &wanted) const override { return decoder_->readable(wanted); }
  std::unique_ptr<Decoder> decoder_;
  Mode mode_;
  std::shared_ptr<const void> bytes_;
};

int below(const NodePtr &source) { return source->depth() + 1; }

class ResizeNode final : public Node {
 public:
  ResizeNode(NodePtr source, int height, int width, Filter filter)
      : Node("image.resize", Shape{height, width, source->shape().channels, source->shape().type}, below(source)),
        source_(std::move(source)),
        resize_(whole_resize(source_->shape().height, source_->shape().width, height, width, filter)) {}

 private:
  void compute(Context &context, const Rect &rect, Canvas out) override {
    const Resampler resampler(context, resize_, rect);
    resampler.run(context, source_->part(context, resampler.needs()).view, out);
  }
  NodePtr source_;
  Resize resize_;
};

class CropNode final : public Node {
 public:
  CropNode(const char *operation, NodePtr source, const Rect &rect)
      : Node(operation, Shape{rect.height, rect.width, source->shape().channels, source->shape().type}, below(source)),
        source_(std::move(source)),
        rect_(rect) {}

 private:
  void compute(Context &context, const Rect &rect, Canvas out) override {
    const Rect wanted{rect.top + rect_.top, rect.left + rect_.left, rect.height, rect.width};
    const Rect inside = intersect(wanted, Rect::whole(source_->shape()));
    if (!(inside == wanted)) fill(out, {0});
    if (inside.empty()) return;
    const Rect to{inside.top - wanted.top, inside.left - wanted.left, inside.height, inside.width};
    copy(source_->part(context, inside).view, out.part(to));
  }
  std::optional<Part> borrow(Context &context, const Rect &rect) override {
    const Rect from{rect.top + rect_.top, rect.left + rect_.left, rect.height, rect.width};
    if (!(intersect(from, Rect::whole(source_->shape())) == from)) return std::nullopt;
    return source_->part(context, from);
  }
  NodePtr source_;
  Rect rect_;
};

class FlipNode final : public Node {
 public:
  FlipNode(NodePtr source, bool horizontal)
      : Node("image.flip", source->shape(), below(source)), source_(std::move(source)), horizontal_(horizontal) {}

 private:
  void compute(Context &context, const Rect &rect, Canvas out) override {
    Rect from = rect;
    if (horizontal_)
      from.left = shape().width - rect.right();
    else
      from.top = shape().height - rect.bottom();
    flip(source_->part(context, from).view, horizontal_, out);
  }
  NodePtr source_;
  bool horizontal_;
};

class OrientNode final : public Node {
 public:
  OrientNode(NodePtr source, int orientation)
      : Node("image.decode", oriented(source->shape(), orientation), below(source)),
        source_(std::move(source)),
        orientation_(orientation) {}

 private:
  void compute(Context &context, const Rect &rect, Canvas out) override {
    orient(source_->part(context, source_part(rect)).view, orientation_, out);
  }
  Rect source_part(const Rect &r) const {
    const Shape &s = source_->shape();
    const bool transposed = orientation_ >= 5;
    Rect from = transposed ? Rect{r.left, r.top, r.width, r.height} : r;
    // Which of the source's axes run backwards.
    const bool left_right = orientation_ == 2 || orientation_ == 3 || orientation_ == 7 || orientation_ == 8;
    const bool top_bottom = orientation_ == 3 || orientation_ == 4 || orientation_ == 6 || orientation_ == 7;
    if (left_right) from.left = s.width - from.right();
    if (top_bottom) from.top = s.height - from.bottom();
    return from;
  }
  NodePtr source_;
  int orientation_;
};

}  // namespace

NodePtr fixed_node(View view, std::shared_ptr<const void> memory) {
  return std::make_shared<FixedNode>(view, std::move(memory));
}
NodePtr decode_node(std::unique_ptr<Decoder> decoder, Mode mode, std::shared_ptr<const void> bytes) {
  return std::make_shared<DecodeNode>(std::move(decoder), mode, std::move(bytes));
}
NodePtr resize_node(NodePtr source, int height, int width, Filter filter) {
  return std::make_shared<ResizeNode>(std::move(source), height, width, filter);
}
NodePtr crop_node(const char *operation, NodePtr source, const Rect &rect) {
  return std::make_shared<CropNode>(operation, std::move(source), rect);
}
NodePtr flip_node(NodePtr source, bool horizontal) { return std::make_shared<FlipNode>(std::move(source), horizontal); }
NodePtr orient_node(NodePtr source, int orientation) {
  return std::make_shared<OrientNode>(std::move(source), orientation);
}

}  // namespace image
