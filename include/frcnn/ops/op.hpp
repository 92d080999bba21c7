#pragma once
// How ops are declared: each is a struct template ops::<name><B> whose primary speaks and whose specialisation in
// backend/<backend>/<name>.hpp works. All functions are static, take the context first, and never allocate outside its arena.
#include "frcnn/core/backend.hpp"

#define FRCNN_DECLARE_OP(name)                                                                                                       \
  template <class B>                                                                                                                 \
  struct name {                                                                                                                      \
    static_assert(frcnn::detail::never<B>, "frcnn: op " #name " is not there for this backend; include frcnn/backend/<backend>/" #name ".hpp"); \
  }
