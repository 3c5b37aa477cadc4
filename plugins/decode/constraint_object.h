// The library's pieces and constraints as objects that scripts hold: immutable, shared by workers.
#pragma once
#include <mrun/plugin.hpp>

#include <memory>

#include "constraint.h"

namespace decode {

struct PiecesObject {
  std::shared_ptr<const Pieces> pieces;
};
struct ConstraintObject {
  std::shared_ptr<const Constraint> constraint;
};

}  // namespace decode

template <>
struct mrun::type_of<decode::PiecesObject> {
  static inline const mrun_type info{sizeof(mrun_type),
                                     MRUN_TYPE_SHAREABLE,
                                     "decode.Pieces",
                                     "The bytes that each token of a tokenizer stands for, made by decode.pieces.",
                                     [](void *self) { delete static_cast<decode::PiecesObject *>(self); },
                                     nullptr};
};
template <>
struct mrun::type_of<decode::ConstraintObject> {
  static inline const mrun_type info{sizeof(mrun_type),
                                     MRUN_TYPE_SHAREABLE,
                                     "decode.Constraint",
                                     "What generated tokens must make, made by decode.constraint.",
                                     [](void *self) { delete static_cast<decode::ConstraintObject *>(self); },
                                     nullptr};
};
