#pragma once
// Weights of a network that reads RGB, for one that reads another number of channels: its first convolution is made to fit.
//
//   widened_weights const source(theirs, parameters, bgr);      theirs: a weight source; bgr: its network's order (pixel_normalisation)
//   source.widened()                                            names of the tensors that are changed; empty where all fit as they are
//
// A tensor [O, 3, h, w] of a parameter [O, N, h, w] is read as one of N channels:
//   N > 3   channels 0, 1, 2 have the weights of red, green and blue; each other channel their mean
//   N < 3   each channel has their sum / N: one channel gives what three equal ones gave, once they are normalised
// Tensors of other wrong shapes stay as they are: the code that reads the source refuses them.
// Example: weights 1, 2, 6 of r, g, b: of one channel 9; of five 1, 2, 6, 3, 3
#include "frcnn/io/weight_source.hpp"
#include "frcnn/nn/parameter_store.hpp"

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI {

class widened_weights final : public io::weight_source {
 public:
  // `from` lives as long as this.
  template <Real T, Backend B>
  widened_weights(io::weight_source const& from, parameter_store<T, B> const& store, bool bgr) : from_(from), bgr_(bgr) {
    for (auto const& e : store.entries()) {
      auto const ours = e.file_shape();
      if (ours.size() != 4 || ours[1] == 3 || !from.contains(e.name)) continue;
      io::tensor_shape const wanted(ours.begin(), ours.end());
      auto theirs = wanted;
      theirs[1] = 3;
      if (from.shape(e.name) == theirs) widened_.emplace(e.name, wanted);
    }
  }

  std::vector<std::string> widened() const {
    std::vector<std::string> all;
    for (auto const& [name, shape] : widened_) all.push_back(name);
    return all;
  }

  std::string const& name() const override { return from_.name(); }
  std::vector<std::string> names() const override { return from_.names(); }
  bool contains(std::string const& tensor) const override { return from_.contains(tensor); }
  std::string place(std::string const& tensor) const override { return from_.place(tensor); }
  io::tensor_shape const& shape(std::string const& tensor) const override {
    auto const found = widened_.find(tensor);
    return found == widened_.end() ? from_.shape(tensor) : found->second;
  }
  void read_part(std::string const& tensor, std::size_t first, std::span<float> out) const override { read_as(tensor, first, out); }
  void read_part(std::string const& tensor, std::size_t first, std::span<double> out) const override { read_as(tensor, first, out); }
  std::shared_ptr<float> map(std::string const& tensor, float t) const override { return mapped(tensor, t); }
  std::shared_ptr<double> map(std::string const& tensor, double t) const override { return mapped(tensor, t); }

 private:
  template <class T>
  std::shared_ptr<T> mapped(std::string const& tensor, T t) const {
    return widened_.contains(tensor) ? nullptr : from_.map(tensor, t);
  }

  template <class T>
  void read_as(std::string const& tensor, std::size_t first, std::span<T> out) const {
    auto const found = widened_.find(tensor);
    if (found == widened_.end()) return from_.read_part(tensor, first, out);
    auto const& s = found->second;
    auto const channels = static_cast<std::size_t>(s[1]), plane = static_cast<std::size_t>(s[2] * s[3]);
    std::vector<T> all(static_cast<std::size_t>(s[0]) * 3 * plane);  // a first convolution is small
    from_.read_part(tensor, 0, std::span<T>(all));
    for (std::size_t i = 0; i < out.size(); ++i) {
      std::size_t const at = first + i, within = at % plane, channel = at / plane % channels, filter = at / plane / channels;
      auto const of = [&](std::size_t colour) { return all[(filter * 3 + (bgr_ ? 2 - colour : colour)) * plane + within]; };
      T const sum = of(0) + of(1) + of(2);
      out[i] = channels < 3 ? sum / static_cast<T>(channels) : channel < 3 ? of(channel) : sum / 3;
    }
  }

  io::weight_source const& from_;
  bool bgr_;
  std::map<std::string, io::tensor_shape, std::less<>> widened_;
};

}  // namespace frcnn::inline FRCNN_ABI
FRCNN_HIDDEN_END
