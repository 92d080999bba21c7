#pragma once
// What a test is told when it does something wrong.
#include "frcnn/core/error.hpp"

#include <string>

// what() of the frcnn::error that f throws, "nothing" where it throws none; every other exception passes.
template <class F>
std::string sentence(F&& f) {
  try {
    f();
  } catch (frcnn::error const& e) {
    return e.what();
  }
  return "nothing";
}
