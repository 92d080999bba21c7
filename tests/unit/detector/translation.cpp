// Translation invariance (section 3.1.1, "Translation-invariant anchors"): a picture shifted by the stride gives the same answers, shifted
// by the stride. To rounding: BLAS rounds the last rows of a strip otherwise than the rest, and a stride is no whole number of Winograd's
// tiles on the inner maps.
#include "../engines.hpp"
#include "narrow.hpp"

#include <doctest/doctest.h>

using namespace detector_tests;

namespace {

constexpr int stride = 16;

template <class T>
using model_of = typename parts<T>::model;

template <class T>
auto make() {
  auto model = parts<T>::make(whole_chain::make(), narrow_rpn<conventions::torchvision>(), narrow_head<conventions::torchvision>());
  liven(*model);
  return model;
}

// One picture of random pixels, seen through a window of h x w whose corner lies at (-dy, -dx): contents move down and right.
// With `around`, only the middle third (of the unshifted window) is random, and the rest is 0.
template <class T>
struct window {
  shape<4> dims;
  std::vector<T> pixels;
  image_info<T> info;
  std::uint64_t id = 0;

  window(int h, int w, int dy, int dx, bool around = false)
      : dims{{1, 3, h, w}}, pixels(dims.size()), info{T(h), T(w), T(h), T(w), T(1), T(1)} {
    for (int ch = 0; ch < 3; ++ch)
      for (int y = 0; y < h; ++y)
        for (int x = 0; x < w; ++x) {
          int const from_y = y - dy, from_x = x - dx;
          bool const blank = around && (from_y < h / 3 || from_y >= 2 * h / 3 || from_x < w / 3 || from_x >= 2 * w / 3);
          std::uint64_t const at = (static_cast<std::uint64_t>(ch) * 4096 + static_cast<std::uint64_t>(from_y + 1024)) * 4096 +
                                   static_cast<std::uint64_t>(from_x + 1024);
          float const v = 2 * random_unit(1, 0, 0, draw::test, at) - 1;
          pixels[(static_cast<std::size_t>(ch) * h + y) * w + x] = blank ? T(0) : T(v);
        }
  }
  batch<T, cpu> images() { return {{pixels.data(), dims}, {&info, {{1}}}, {&id, {{1}}}}; }
};

// The RPN's outputs on a window, in its tape.
template <class T>
void answer(model_of<T> const& model, cpu::context& c, window<T>& w, typename model_of<T>::tape& tape) {
  cpu::context::frame const scope(c);
  maps<T, 1, cpu> f;
  f.level[0] = c.make<T>(model.backbone().map_shape(0, w.dims));
  model.backbone().infer(c, w.images(), f);
  model.generator().forward(c, w.images(), f, tape.proposals);
}

struct shift {
  int dy, dx;
};
constexpr shift shifts[] = {{0, stride}, {stride, 0}, {2 * stride, stride}, {-stride, 3 * stride}};

// Cells whose receptive field, 111 pixels wide, ends inside the window: four from the border.
constexpr int margin = 4;

// How many of the interior outputs of `a`, moved by (dy, dx) cells, differ from those of `b`.
template <class T>
std::size_t differing(view<T, 3, cpu> a, view<T, 3, cpu> b, int rows, int columns, int dy, int dx, std::size_t& compared) {
  // The outputs are of size 1. In float a cell lies elsewhere in its tile of F(6x6, 3x3) than before, in each of seven layers.
  auto const off = static_cast<T>(200) * std::numeric_limits<T>::epsilon();
  std::size_t count = 0;
  for (int y = margin; y < rows - margin; ++y)
    for (int x = margin; x < columns - margin; ++x) {
      int const to_y = y + dy, to_x = x + dx;
      if (to_y < margin || to_y >= rows - margin || to_x < margin || to_x >= columns - margin) continue;
      for (int k = 0; k < a.dims[2]; ++k, ++compared)
        count += !(std::abs(a(0, y * columns + x, k) - b(0, to_y * columns + to_x, k)) <= off);
    }
  return count;
}

}  // namespace

TEST_CASE_TEMPLATE("interior outputs of the RPN shift with the picture", T, float, double) {
  auto const model = make<T>();
  int const h = 240, w = 320, rows = h / stride, columns = w / stride;
  window<T> still(h, w, 0, 0);
  for (auto const& options : tests::engines(2)) {
    CAPTURE(tests::name(options));
    cpu::context c(options);
    typename model_of<T>::tape before;
    answer(*model, c, still, before);
    for (auto const s : shifts) {
      CAPTURE(s.dy);
      CAPTURE(s.dx);
      window<T> moved(h, w, s.dy, s.dx);
      typename model_of<T>::tape after;
      answer(*model, c, moved, after);
      std::size_t compared = 0;
      CHECK(differing(before.proposals.logits, after.proposals.logits, rows, columns, s.dy / stride, s.dx / stride, compared) == 0);
      CHECK(differing(before.proposals.deltas, after.proposals.deltas, rows, columns, s.dy / stride, s.dx / stride, compared) == 0);
      CHECK(compared > 1000);
    }
    // Half a stride is no shift of cells: the comparison sees it.
    window<T> half(h, w, 0, stride / 2);
    typename model_of<T>::tape other;
    answer(*model, c, half, other);
    std::size_t compared = 0;
    CHECK(differing(before.proposals.logits, other.proposals.logits, rows, columns, 0, 1, compared) > 500);
  }
}

TEST_CASE_TEMPLATE("proposals shift with the picture", T, float, double) {
  auto const model = make<T>();
  // Without biases in the backbone and the sliding layer a blank surrounding answers 0 everywhere, up to the border; small corrections
  // keep boxes off it.
  auto& store = model->parameters();
  for (auto const& e : store.entries()) {
    bool const box = e.name.starts_with("rpn.head.bbox_pred.weight");
    auto values = store.get(e);
    for (auto& v : values) v = e.p->rank == 1 ? T(0) : box ? v * T(.02) : v;
    store.set(e, values);
  }
  int const h = 432, w = 480;
  window<T> still(h, w, 0, 0, true);
  for (auto const& options : tests::engines(2)) {
    CAPTURE(tests::name(options));
    cpu::context c(options);
    typename model_of<T>::tape tape;
    answer(*model, c, still, tape);
    // As many candidates as there are logits above the background's, which is 0 but for what Winograd's tiles leave at the random part's
    // edge: none of the ties enters.
    auto const logits = to_host(tape.proposals.logits);
    auto const objects = static_cast<int>(std::count_if(logits.begin(), logits.end(), [](T z) { return z > T(.001); }));
    REQUIRE(objects > 400);
    model->generator().options().test = {objects, 60};

    auto const propose = [&](window<T>& in) {
      std::vector<box<T>> boxes(60);
      std::vector<std::int32_t> count(1);
      model->propose(c, in.images(), phase::test, {{boxes.data(), {{1, 60}}}, {count.data(), {{1}}}});
      CHECK(count[0] > 30);
      boxes.resize(static_cast<std::size_t>(count[0]));
      return boxes;
    };
    auto const before = propose(still);
    for (auto const& b : before) CHECK((b.x1 > 0 && b.y1 > 0 && b.x2 < w && b.y2 < h));
    double const rounding = w * static_cast<double>(std::numeric_limits<T>::epsilon()) * 4;
    for (auto const s : shifts) {
      CAPTURE(s.dy);
      CAPTURE(s.dx);
      window<T> moved(h, w, s.dy, s.dx, true);
      auto const after = propose(moved);
      REQUIRE(after.size() == before.size());
      double worst = 0;
      for (std::size_t i = 0; i < after.size(); ++i) {
        auto const &a = before[i], &b = after[i];
        for (double const d : {b.x1 - a.x1 - s.dx, b.x2 - a.x2 - s.dx, b.y1 - a.y1 - s.dy, b.y2 - a.y2 - s.dy})
          worst = std::max(worst, std::abs(d));
      }
      CHECK_MESSAGE(worst <= rounding, "off by ", worst, " pixels");
    }
  }
}
