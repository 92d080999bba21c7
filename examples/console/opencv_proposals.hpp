#pragma once
// Proposals of OpenCV's ximgproc: Selective Search and EdgeBoxes, which the paper compares with (CMake: FRCNN_OPENCV). Images are RGB.
//
//   selective_search(image)          no scores; of one image always the same list
//   edge_boxes(model)(image)         by descending score; edges by OpenCV's structured forest, whose model is a file
//   edge_boxes("")(image)            edges by Sobel's gradients, where there is no such file: other edges, so other boxes than the paper's
// Needs OpenCV 4 or later. Sources: Uijlings et al., "Selective Search for Object Recognition", IJCV 2013; Zitnick and Dollár, "Edge Boxes:
// Locating Object Proposals from Edges", ECCV 2014.
#include <frcnn/core/error.hpp>
#include <frcnn/core/image.hpp>
#include <frcnn/core/rng.hpp>
#include <frcnn/geometry/region.hpp>

#include <opencv2/imgproc.hpp>
#include <opencv2/ximgproc/edgeboxes.hpp>
#include <opencv2/ximgproc/segmentation.hpp>
#include <opencv2/ximgproc/structured_edge_detection.hpp>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>
#include <tuple>
#include <vector>

namespace console {

namespace detail {

inline cv::Mat bgr_of(frcnn::image const& im) {
  frcnn::check_rgb(im);
  cv::Mat const rgb(im.height, im.width, CV_8UC3, const_cast<unsigned char*>(im.pixels.data()));
  cv::Mat bgr;
  cv::cvtColor(rgb, bgr, cv::COLOR_RGB2BGR);
  return bgr;
}

inline auto corners(cv::Rect const& r) { return std::tuple(r.x, r.y, r.width, r.height); }

inline frcnn::region region_of(cv::Rect const& r, float score) {
  return {frcnn::box<int>{r.x, r.y, r.x + r.width, r.y + r.height}.as<float>(), score};
}

struct edge_map {
  cv::Mat strength, normal;  // 0..1; angle of the edge's normal, 0..pi
};

// Sobel's gradients where they are largest across the edge.
inline edge_map sobel_edges(cv::Mat const& bgr) {
  cv::Mat grey, x, y, size;
  cv::cvtColor(bgr, grey, cv::COLOR_BGR2GRAY);
  cv::GaussianBlur(grey, grey, {5, 5}, 1);
  cv::Sobel(grey, x, CV_32F, 1, 0);
  cv::Sobel(grey, y, CV_32F, 0, 1);
  cv::magnitude(x, y, size);
  double largest = 0;
  cv::minMaxLoc(size, nullptr, &largest);
  edge_map map{cv::Mat::zeros(size.size(), CV_32F), cv::Mat::zeros(size.size(), CV_32F)};
  for (int row = 1; row + 1 < size.rows; ++row)
    for (int column = 1; column + 1 < size.cols; ++column) {
      float const gx = x.at<float>(row, column), gy = y.at<float>(row, column), here = size.at<float>(row, column);
      if (here <= 0) continue;
      int const dx = static_cast<int>(std::lround(gx / here)), dy = static_cast<int>(std::lround(gy / here));
      if (here < size.at<float>(row + dy, column + dx) || here < size.at<float>(row - dy, column - dx)) continue;
      float const angle = std::atan2(gy, gx);
      map.strength.at<float>(row, column) = static_cast<float>(here / largest);
      map.normal.at<float>(row, column) = angle < 0 ? angle + static_cast<float>(CV_PI) : angle;
    }
  return map;
}

}  // namespace detail

// OpenCV gives the same set of boxes on every call in an order that libc's rand() decides, whatever seed is set, without scores. The authors
// rank a box by its place in the hierarchy of segments times a random number. Here the place is that by area, largest first, and the number
// a hash of the corners: the large come early and small ones are among the first hundreds too, in every run the same.
inline std::vector<frcnn::region> selective_search(frcnn::image const& im) {
  auto const search = cv::ximgproc::segmentation::createSelectiveSearchSegmentation();
  search->setBaseImage(detail::bgr_of(im));
  search->switchToSelectiveSearchFast();
  std::vector<cv::Rect> boxes;
  search->process(boxes);
  std::erase_if(boxes, [](cv::Rect const& r) { return r.area() <= 0; });
  std::ranges::sort(boxes, [](cv::Rect const& a, cv::Rect const& b) {
    return std::tuple(-a.area(), detail::corners(a)) < std::tuple(-b.area(), detail::corners(b));
  });
  boxes.erase(std::unique(boxes.begin(), boxes.end()), boxes.end());
  std::vector<std::pair<double, cv::Rect>> ranked;
  for (cv::Rect const& r : boxes) {
    auto const pair = [](int a, int b) { return static_cast<std::uint64_t>(a) << 32 | static_cast<std::uint32_t>(b); };
    double const number = frcnn::random_unit(pair(r.width, r.height), 0, pair(r.x, r.y), frcnn::draw::shuffle, 0);
    ranked.emplace_back(static_cast<double>(ranked.size() + 1) * number, r);
  }
  std::ranges::stable_sort(ranked, {}, [](auto const& p) { return p.first; });
  std::vector<frcnn::region> regions;
  for (auto const& [rank, r] : ranked) regions.push_back(detail::region_of(r, 0));
  return regions;
}

class edge_boxes {
 public:
  // model: OpenCV's structured edge model; empty: Sobel. most: boxes of an image.
  edge_boxes(std::string const& model, int most) : most_(most) {
    if (model.empty()) return;
    std::error_code failed;
    if (!std::filesystem::is_regular_file(model, failed))
      throw frcnn::error("--edge-model " + model, "OpenCV's structured edge model, model.yml.gz of opencv_extra, which no package has",
                         "no file");
    try {
      forest_ = cv::ximgproc::createStructuredEdgeDetection(model);
    } catch (cv::Exception const& e) {
      throw frcnn::error("--edge-model " + model, "OpenCV's structured edge model", "a file that OpenCV does not take (" + e.err + ")");
    }
  }

  std::vector<frcnn::region> operator()(frcnn::image const& im) const {
    auto const bgr = detail::bgr_of(im);
    auto edges = forest_ ? structured_edges(bgr) : detail::sobel_edges(bgr);
    // An object keeps state: called again, on the same image too, it gives other boxes. So one for each image.
    auto const finder = cv::ximgproc::createEdgeBoxes();
    finder->setMaxBoxes(most_);
    std::vector<cv::Rect> boxes;
    std::vector<float> scores;
    finder->getBoundingBoxes(edges.strength, edges.normal, boxes, scores);
    std::vector<std::pair<cv::Rect, float>> found;
    for (std::size_t i = 0; i < boxes.size(); ++i)
      if (boxes[i].area() > 0 && std::isfinite(scores[i])) found.emplace_back(boxes[i], scores[i]);
    std::ranges::sort(found, [](auto const& a, auto const& b) {
      return std::tuple(-a.second, detail::corners(a.first)) < std::tuple(-b.second, detail::corners(b.first));
    });
    std::vector<frcnn::region> regions;
    for (auto const& [where, score] : found) regions.push_back(detail::region_of(where, score));
    return regions;
  }

 private:
  detail::edge_map structured_edges(cv::Mat const& bgr) const {
    cv::Mat rgb, edges, thin;
    cv::cvtColor(bgr, rgb, cv::COLOR_BGR2RGB);
    rgb.convertTo(rgb, CV_32F, 1 / 255.);
    detail::edge_map map;
    forest_->detectEdges(rgb, edges);
    forest_->computeOrientation(edges, map.normal);
    forest_->edgesNms(edges, map.normal, map.strength);
    return map;
  }

  cv::Ptr<cv::ximgproc::StructuredEdgeDetection> forest_;
  int most_;
};

}  // namespace console
