#pragma once
// How train_voc settles what its network reads: channels and bits of the images (data_options.hpp), their normalisation, and the first
// convolution of weights that were trained on RGB.
//
//   RGB of 8 bits: the preset's normalisation, or that of --init
//   anything else: mean and deviation of the training data (frcnn/data/pixel_statistics.hpp), or, where --init is a model of such pixels, its
// The model file keeps it, and a resumed run takes it from its checkpoint.
#include <frcnn/core/param.hpp>
#include <frcnn/core/pixels.hpp>
#include <frcnn/data/dataset.hpp>
#include <frcnn/data/pixel_statistics.hpp>

#include <string>
#include <vector>

namespace console {

// Throws where a run in that folder reads other pixels.
void require_pixels(std::string const& run, frcnn::pixel_layout const& ours, frcnn::pixel_layout const& its);

// Whether --init's model reads such pixels. Throws where it reads neither those nor RGB of 8 bits.
bool compare_pixels(std::string const& init, frcnn::pixel_layout const& ours, frcnn::pixel_layout const& theirs);

// share: of several processes, each of which reads a part of the images.
frcnn::pixel_normalisation measured(frcnn::data::dataset const& set, frcnn::pixel_normalisation const& preset, int threads,
                                    frcnn::data::measuring_share const& share);

namespace detail {

// layer: the first convolution; frozen: whether the preset freezes it.
void say_widened(std::string const& init, std::string const& layer, int channels, bool frozen);

}  // namespace detail

// A first convolution that was made to fit is trained, whatever the preset freezes: what is behind it was trained on other inputs.
template <class Store>
void train_widened(Store& store, std::vector<std::string> const& tensors, std::string const& init, int channels) {
  for (auto const& tensor : tensors) {
    auto const layer = tensor.substr(0, tensor.rfind('.'));
    bool const frozen = store.at(tensor).p->kind == frcnn::param_kind::frozen;
    if (frozen) store.unfreeze(layer);
    detail::say_widened(init, layer, channels, frozen);
  }
}

}  // namespace console
