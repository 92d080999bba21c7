#pragma once
// Several processes of one machine that read the same data: each decodes its share of the images and tells the others what it found, so that
// none decodes what another has.
//
//   check_sharing const s{{1, 4}, gather};                        process 1 of 4
//   check_shared(images, known, layout, threads, progress, s);   `known` has all images that are good
//
// What travels are the lines of a check_cache: they hold for a file of that path, size and times of change, and for no other. A bad image is
// in none of them: each process decodes it by itself, and refuses it as if it were alone.
#include "frcnn/core/parallel_loop.hpp"
#include "frcnn/data/batch_share.hpp"
#include "frcnn/data/image_check.hpp"

#include <algorithm>
#include <cstddef>
#include <exception>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

struct check_sharing {
  batch_share share{};
  // The texts of all processes, of which each gives its own. All of them call it, as often as each other.
  std::function<std::vector<std::string>(std::string const&)> gather{};
};

// progress: images checked by all (this process's times their number, less than all), and of how many; as turn_counter's.
inline void check_shared(std::span<std::filesystem::path const> images, check_cache& known, pixel_layout const& layout, int threads,
                         turn_counter::teller const& progress, check_sharing const& sharing) {
  batch_share const share = sharing.share;
  std::size_t const all = images.size();
  std::vector<image_verdict> found(share.count(all));
  turn_counter::teller told;
  if (progress)
    told = [&](std::size_t done, std::size_t) { progress(std::min(done * static_cast<std::size_t>(share.processes), all - 1), all); };
  turn_counter done(told, found.size());
  for_each_in_parallel(found.size(), threads, [&](std::size_t k) {
    try {
      found[k] = check_image(images[share.index(k)], &known, false, layout);
    } catch (std::exception const&) {
      found[k] = {};  // bad
    }
    done.add();
  });
  check_cache ours;
  for (std::size_t k = 0; k < found.size(); ++k)
    if (found[k].width > 0) ours.add(images[share.index(k)], found[k].stamp, found[k].facts);
  for (auto const& text : sharing.gather(ours.text())) known.take(text);
}

}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END
