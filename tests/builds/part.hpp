#pragma once
// The members of a part that every build has alike.
#include "parts.hpp"

namespace {

std::vector<frcnn::detection> detect(frcnn::any_detector const& d, frcnn::image const& im) { return d.detect(im, {.score = 0}); }
void refuse(frcnn::image const& im) { check(im); }
std::string caught(void (*other)(frcnn::image const&), frcnn::image const& im) {
  try {
    other(im);
  } catch (frcnn::error const& e) {
    return e.where() + "|" + e.expected() + "|" + e.found() + "|" + e.what();
  } catch (...) {
    return "something else";
  }
  return "nothing";
}

}  // namespace
