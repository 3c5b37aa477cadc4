// The library's pieces and constraints as objects that scripts hold: immutable, shared by workers.
#pragma once
#include <mrun/plugin.hpp>

#include <memory>

#include "constraint.h"

struct PiecesObject {
  std::shared_ptr<const decode::Pieces> pieces;
};
struct ConstraintObject {
  std::shared_ptr<const decode::Constraint> constraint;
};

template <>
struct mrun::type_of<PiecesObject> {
  static inline const mrun_type info{sizeof(mrun_type),
                                     MRUN_TYPE_SHAREABLE,
                                     "decode.Pieces",
                                     "The bytes that each token of a tokenizer stands for, made by decode.pieces.",
                                     [](void *self) { delete static_cast<PiecesObject *>(self); },
                                     nullptr};
};
template <>
struct mrun::type_of<ConstraintObject> {
  static inline const mrun_type info{sizeof(mrun_type),
                                     MRUN_TYPE_SHAREABLE,
                                     "decode.Constraint",
                                     "What generated tokens must make, made by decode.constraint.",
                                     [](void *self) { delete static_cast<ConstraintObject *>(self); },
                                     nullptr};
};
