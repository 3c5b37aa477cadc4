// Images that are computed on first need. A node knows its shape at once and computes any part of itself, asking its
// source for no more than that part depends on: so a decode, a resize and a crop that are written one after the other
// run as one pass over the pixels that the crop holds. The result does not depend on the parts.
//
// A node that is asked twice computes the whole and keeps it: two thumbnails of one photo decode it at most twice.
// Nodes belong to one thread at a time.
#pragma once
#include <memory>
#include <optional>

#include "decode.h"
#include "resample.h"

namespace image {

class Node {
 public:
  virtual ~Node() = default;
  const Shape &shape() const { return shape_; }
  int depth() const { return depth_; }  // nodes from here to the pixels: callers keep it small, computing recurses

  // The pixels of a part: a view of kept ones, or new ones.
  struct Part {
    View view;
    std::shared_ptr<const void> memory;  // keeps the view alive
  };
  Part part(Context &, const Rect &);
  // The whole, written into `out`.
  void write(Context &, Canvas out);

 protected:
  Node(const char *operation, const Shape &shape, int depth) : operation_(operation), shape_(shape), depth_(depth) {}
  // Computes a part that granularity() gave.
  virtual void compute(Context &, const Rect &, Canvas out) = 0;
  virtual Rect granularity(const Rect &wanted) const { return wanted; }
  // A view of pixels that are elsewhere, where nothing has to be computed.
  virtual std::optional<Part> borrow(Context &, const Rect &) { return std::nullopt; }

 private:
  Pixels computed(Context &, const Rect &);
  const char *operation_;  // "image.decode": errors name it
  Shape shape_;
  int depth_;
  bool asked_ = false;
  Pixels kept_;
};
using NodePtr = std::shared_ptr<Node>;

// Pixels that are there already and that nobody writes; `memory` keeps them alive.
NodePtr fixed_node(View, std::shared_ptr<const void> memory);
// `decoder` is open; `bytes` keeps what it reads alive.
NodePtr decode_node(std::unique_ptr<Decoder> decoder, Mode, std::shared_ptr<const void> bytes);
NodePtr resize_node(NodePtr source, int height, int width, Filter);
NodePtr crop_node(const char *operation, NodePtr source, const Rect &);
NodePtr flip_node(NodePtr source, bool horizontal);
NodePtr orient_node(NodePtr source, int orientation);

}  // namespace image
