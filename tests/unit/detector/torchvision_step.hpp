#pragma once
// One training step and one detection as torchvision computed them, and ours beside: tests/golden/small_step.py, `record`, says what each
// tensor is. Tolerances: docs/testing.md.
#include "frcnn/backend/cpu.hpp"
#include "frcnn/detector/faster_rcnn.hpp"
#include "frcnn/geometry/conventions.hpp"
#include "frcnn/io/safetensors.hpp"
#include "frcnn/testing/decisions.hpp"
#include "frcnn/testing/parity.hpp"

#include <doctest/doctest.h>

#include <cmath>

namespace detector_tests {

using namespace frcnn;

template <class T>
constexpr double step_tolerance = std::is_same_v<T, float> ? 1e-4 : 1e-8;

// Lists of boxes in order; two boxes are the same within the tolerance times the image's longer side.
struct proposal_difference {
  std::size_t boxes = 0, moved = 0, alone = 0;  // of theirs or ours; ours at another place of the list; ours that are not in it
  bool count = true;                            // lists are equally long
  explicit operator bool() const { return !count || moved > 0; }
  std::string describe() const {
    return std::to_string(boxes) + " boxes, " + std::to_string(moved) + " elsewhere, of them nowhere " + std::to_string(alone) +
           (count ? "" : ", lists of different length");
  }
};

template <class Model>
class torchvision_step {
  using T = typename Model::scalar;

 public:
  // pixels: the network's input, [N, 3, H, W].
  torchvision_step(Model& model, io::safetensors_file const& file, std::vector<double> const& pixels, shape<4> dims)
      : model_(model), file_(file), pixels_(pixels.begin(), pixels.end()), dims_(dims), state_{1, 2} {
    auto const sizes = file.read<std::int32_t>("image_sizes");
    for (int n = 0; n < dims[0]; ++n) {
      T const h = T(sizes[std::size_t(2 * n)]), w = T(sizes[std::size_t(2 * n + 1)]);
      info_.push_back({h, w, h, w, T(1), T(1)});
      id_.push_back(static_cast<std::uint64_t>(n));
    }
    truth_ = boxes("truth.boxes");
    truth_label_ = file.read<std::int32_t>("truth.labels");
    truth_count_ = file.read<std::int32_t>("truth.count");
    for (auto const& e : model.parameters().entries()) {
      auto const s = e.file_shape();
      model.parameters().set(e, file.read<T>("param." + e.name, {s.begin(), s.end()}));
    }
    model.parameters().enable_gradients();
  }

  batch<T, cpu> images() const { return {{pixels_.data(), dims_}, {info_.data(), {{dims_[0]}}}, {id_.data(), {{dims_[0]}}}}; }
  truth<T, cpu> objects() const {
    shape<2> const each{{dims_[0], file_shape("truth.labels", 1)}};
    return {{{truth_.data(), each}, {truth_count_.data(), {{dims_[0]}}}}, {truth_label_.data(), each}};
  }

  // The decisions that torchvision made.
  testing::step_decisions<T> decisions() const {
    auto const table = [&](char const* name) {
      return testing::recorded<std::int32_t, 2>{file_.read<std::int32_t>(name), {{file_shape(name, 0), file_shape(name, 1)}}};
    };
    testing::step_decisions<T> d;
    d.anchor_label = table("anchor.labels");
    d.anchor_match = table("anchor.match");
    d.roi_label = table("rois.labels");
    d.roi_count = {file_.read<std::int32_t>("rois.count"), {{dims_[0]}}};
    for (int n = 0; n < dims_[0]; ++n)
      for (int q = d.roi_count.values[std::size_t(n)]; q < d.roi_label.dims[1]; ++q) d.roi_label.values[at(n, q, d.roi_label.dims[1])] = -1;
    d.rois = {boxes("rois.boxes"), d.roi_label.dims};
    for (auto const& b : as<delta<T>>(file_.read<T>("rois.targets"))) d.roi_target.values.push_back(b);
    d.roi_target.dims = d.roi_label.dims;
    return d;
  }

  void check_features(cpu::context& c) const {
    cpu::context::frame const scope(c);
    maps<T, 1, cpu> f;
    f.level[0] = c.make<T>(model_.backbone().map_shape(0, dims_));
    model_.backbone().infer(c, images(), f);
    std::vector<T> plain(f.level[0].dims.size());
    c.to_plain(f.level[0], view<T, 4, cpu>{plain.data(), f.level[0].dims});
    check("features", plain);
  }

  // One step on `tape`; everything it leaves behind.
  void check_step(cpu::context& c, typename Model::tape& tape) {
    std::vector<T> loss(4);
    model_.step(c, images(), objects(), random(), tape, {loss.data(), {{4}}});
    check_losses(loss, tape);
    check_gradients();
  }
  // The losses of a model that stays as it is: torchvision's too, and the bits of a step.
  void check_losses(cpu::context& c, typename Model::tape& tape) const {
    std::vector<T> loss(4), of_step(4);
    auto const& model = std::as_const(model_);
    auto const before = model.parameters().read();
    model.losses(c, images(), objects(), random(), tape, view<T, 1, cpu>{loss.data(), {{4}}});
    check_losses(loss, tape);
    CHECK(model.parameters().read() == before);
    model_.step(c, images(), objects(), random(), tape, {of_step.data(), {{4}}});
    CHECK(loss == of_step);
    std::vector<T> const gradients(model_.parameters().gradients().begin(), model_.parameters().gradients().end());
    model.losses(c, images(), objects(), random(), tape, view<T, 1, cpu>{loss.data(), {{4}}});
    CHECK(loss == of_step);
    CHECK(std::ranges::equal(gradients, model_.parameters().gradients()));
  }
  // One step in its parts, with between(tape) after the forward pass.
  template <class Between>
  void check_step(cpu::context& c, typename Model::tape& tape, Between between) {
    cpu::context::frame const scope(c);
    auto const im = images();
    auto const gt = objects();
    maps<T, 1, cpu> f, df;
    f.level[0] = c.make<T>(model_.backbone().map_shape(0, dims_));
    df.level[0] = c.make<T>(model_.backbone().map_shape(0, dims_));
    std::vector<T> loss(4);
    model_.backbone().forward(c, im, f, tape.backbone);
    model_.generator().forward(c, im, f, tape.proposals);
    model_.generator().targets(c, im, gt, random(), tape.proposals);
    model_.generator().loss(c, im, gt, tape.proposals, {loss.data(), {{2}}});
    owned_boxes const rois(dims_[0], model_.generator().capacity(phase::train));
    model_.generator().propose(c, im, tape.proposals, phase::train, rois.set());
    model_.head().targets(c, im, rois.set(), gt, random(), tape.head);
    model_.head().forward(c, im, f, tape.head);
    model_.head().loss(c, im, gt, tape.head, {loss.data() + 2, {{2}}});
    check_losses(loss, tape);
    between(tape);
    model_.generator().backward(c, tape.proposals, {}, df, frcnn::writing::set);
    model_.head().backward(c, tape.head, {}, df, frcnn::writing::add);
    model_.backbone().backward(c, tape.backbone, df);
    check_gradients();
  }

  // What the step on `tape` proposed in training, and what the same weights propose in inference, beside torchvision's.
  proposal_difference compare_proposals(cpu::context& c, typename Model::tape& tape) const {
    owned_boxes const ours(dims_[0], model_.generator().capacity(phase::train));
    model_.generator().propose(c, images(), tape.proposals, phase::train, ours.set());
    return compare_boxes("proposals.", ours);
  }
  proposal_difference compare_proposals(cpu::context& c) const {
    owned_boxes const ours(dims_[0], model_.generator().capacity(phase::test));
    model_.propose(c, images(), phase::test, ours.set());
    return compare_boxes("detect.proposals.", ours);
  }
  testing::detection_report compare_detections(cpu::context& c) const {
    auto const o = complete({}, model_.head());
    std::vector<scored_box<T>> hits(at(dims_[0], 0, *o.max_detections));
    std::vector<std::int32_t> count(at(dims_[0], 0, 1));
    model_.detect(c, images(), o, {{hits.data(), {{dims_[0], *o.max_detections}}}, {count.data(), {{dims_[0]}}}});
    auto const where = boxes("detect.boxes");
    auto const score = file_.read<T>("detect.scores");
    auto const label = file_.read<std::int32_t>("detect.labels"), expected = file_.read<std::int32_t>("detect.count");
    int const capacity = file_shape("detect.labels", 1);
    testing::detection_report report;
    for (int n = 0; n < dims_[0]; ++n) {
      std::vector<detection> ours, theirs;
      for (int i = 0; i < count[std::size_t(n)]; ++i) {
        auto const& h = hits[at(n, i, *o.max_detections)];
        ours.push_back({h.where.template as<float>(), float(h.score), h.label});
      }
      for (int i = 0; i < expected[std::size_t(n)]; ++i) {
        auto const k = at(n, i, capacity);
        theirs.push_back({where[k].template as<float>(), float(score[k]), label[k]});
      }
      report += testing::compare_detections(ours, theirs);
    }
    return report;
  }

  rng<cpu> random() const { return {{state_, {{2}}}}; }

  template <class X>
  void check(std::string const& name, std::vector<X> const& ours) const {
    auto const report = testing::compare(ours, file_.read<double>(name), step_tolerance<T>);
    CHECK_MESSAGE(report.ok, name, ": ", report.describe());
  }

  template <class X>
  static std::vector<X> as(std::vector<T> const& v) {
    std::vector<X> out;
    for (std::size_t i = 0; i + 3 < v.size(); i += 4) out.push_back({v[i], v[i + 1], v[i + 2], v[i + 3]});
    return out;
  }
  std::vector<box<T>> boxes(std::string const& name) const { return as<box<T>>(file_.read<T>(name)); }

 private:
  struct owned_boxes {
    mutable std::vector<box<T>> rows;
    mutable std::vector<std::int32_t> count;
    int capacity;
    owned_boxes(int images, int capacity) : rows(at(images, 0, capacity)), count(std::size_t(images)), capacity(capacity) {}
    counted<box<T>, 2, cpu> set() const {
      int const n = static_cast<int>(count.size());
      return {{rows.data(), {{n, capacity}}}, {count.data(), {{n}}}};
    }
  };
  static std::size_t at(int n, int i, int capacity) { return static_cast<std::size_t>(n) * capacity + i; }
  int file_shape(std::string const& name, std::size_t d) const { return static_cast<int>(file_.tensor(name).shape[d]); }

  void check_losses(std::vector<T> const& loss, typename Model::tape const& tape) const {
    char const* const names[] = {"loss.objectness", "loss.rpn_box", "loss.classifier", "loss.box"};
    for (std::size_t i = 0; i < 4; ++i) check(names[i], std::vector{loss[i]});
    check("rpn.logits", to_host(tape.proposals.logits));
    check("rpn.deltas", to_host(tape.proposals.deltas));
    check_anchors(tape);
    check_head_rows("head.logits", tape, tape.head.logits);
    check_head_rows("head.deltas", tape, tape.head.deltas);
  }
  void check_gradients() const {
    for (auto const& e : model_.parameters().entries()) check("grad." + e.name, model_.parameters().get_gradient(e));
  }

  void check_anchors(typename Model::tape const& tape) const {
    auto const& placed = tape.proposals.anchors;
    std::vector<T> corners;
    for (int i = 0; i < placed.count(); ++i) {
      auto const b = placed.template at<T>(i);
      corners.insert(corners.end(), {b.x1, b.y1, b.x2, b.y2});
    }
    auto const report = testing::compare(corners, file_.read<double>("anchors"), 0);
    CHECK_MESSAGE(report.ok, "anchors: ", report.describe());
    auto const label = to_host(tape.proposals.decided.label), match = to_host(tape.proposals.decided.match);
    std::vector<T> targets;
    for (int i = 0; i < static_cast<int>(label.size()); ++i) {
      if (label[std::size_t(i)] != 1) continue;
      int const n = i / placed.count();
      auto const to = truth_[at(n, match[std::size_t(i)], objects().capacity())];
      auto const d = conventions::torchvision::rpn_coder().encode(placed.template at<T>(i % placed.count()), to);
      targets.insert(targets.end(), {d.dx, d.dy, d.dw, d.dh});
    }
    check("anchor.targets", targets);
  }

  // The rows that live, one image after the other.
  void check_head_rows(char const* name, typename Model::tape const& tape, view<T, 2, cpu> rows) const {
    auto const& rois = tape.head.decided.targets.rois;
    std::vector<T> live;
    for (int n = 0; n < dims_[0]; ++n) {
      T const* const first = &rows(n * rois.rows.dims[1], 0);
      live.insert(live.end(), first, first + rois.count(n) * rows.dims[1]);
    }
    check(name, live);
  }

  proposal_difference compare_boxes(std::string const& name, owned_boxes const& ours) const {
    auto const theirs = boxes(name + "boxes");
    auto const count = file_.read<std::int32_t>(name + "count");
    int const capacity = file_shape(name + "scores", 1);
    T const allowed = static_cast<T>(step_tolerance<T>) * T(std::max(dims_[2], dims_[3]));
    auto const same = [allowed](box<T> const& a, box<T> const& b) {
      return std::max({std::abs(a.x1 - b.x1), std::abs(a.y1 - b.y1), std::abs(a.x2 - b.x2), std::abs(a.y2 - b.y2)}) <= allowed;
    };
    proposal_difference d;
    for (int n = 0; n < dims_[0]; ++n) {
      auto const live = ours.count[std::size_t(n)], expected = count[std::size_t(n)];
      std::vector<bool> taken(at(expected, 0, 1));
      d.boxes += static_cast<std::size_t>(std::max(live, expected));
      d.count = d.count && live == expected;
      for (int i = 0; i < live; ++i) {
        auto const& b = ours.rows[at(n, i, ours.capacity)];
        int j = i;
        if (j >= expected || taken[std::size_t(j)] || !same(b, theirs[at(n, j, capacity)])) {
          ++d.moved;
          for (j = 0; j < expected && (taken[std::size_t(j)] || !same(b, theirs[at(n, j, capacity)]));) ++j;
        }
        if (j < expected) taken[std::size_t(j)] = true;
        else ++d.alone;
      }
    }
    return d;
  }

  Model& model_;
  io::safetensors_file const& file_;
  std::vector<T> pixels_;
  shape<4> dims_;
  std::uint64_t state_[2];
  std::vector<image_info<T>> info_;
  std::vector<std::uint64_t> id_;
  std::vector<box<T>> truth_;
  std::vector<std::int32_t> truth_label_;
  mutable std::vector<std::int32_t> truth_count_;  // a counted set has no const count
};

}  // namespace detector_tests
