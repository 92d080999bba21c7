// One program of parts that are compiled with different flags, and one by nvcc where it is: they exchange images, detections and detectors,
// catch each other's errors, and none runs another's kernels.
#include "parts.hpp"

#include <cmath>
#include <cstdio>
#include <cstring>
#include <set>

namespace {

int failures = 0;
void check(bool right, std::string const& what) {
  if (!right) ++failures, std::printf("FAILED: %s\n", what.c_str());
}

bool same(std::vector<frcnn::detection> const& a, std::vector<frcnn::detection> const& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof a[0]) == 0);
}

}  // namespace

int main() {
  std::vector<builds::part> parts{builds::baseline(), builds::wide()};
#if defined(WITH_CUDA)
  parts.push_back(builds::cuda());
#else
  std::printf("the part for nvcc is left out: it is not installed\n");
#endif
  std::set<std::string> names;
  for (auto const& p : parts) names.insert(p.name), std::printf("%s\n", p.name.c_str());
  check(names.size() == parts.size(), "builds have names of their own");

  frcnn::image im(80, 60), none(80, 60);
  for (std::size_t i = 0; i < im.pixels.size(); ++i) im.pixels[i] = static_cast<std::uint8_t>(i * 2654435761u >> 13);
  none.pixels.resize(7);

  float best = -1;
  for (auto const& maker : parts) {
    if (!maker.make) continue;
    auto const d = maker.make();
    auto const found = d.detect(im, {.score = 0});  // main.cpp is a build of its own
    check(!found.empty(), maker.name + " finds something");
    for (auto const& user : parts) check(same(user.detect(d, im), found), user.name + " is handed what " + maker.name + " finds");
    float const score = found.empty() ? 0 : found[0].score;
    check(best < 0 || std::abs(score - best) < 1e-3f, "builds find the same, up to rounding");
    best = score;
  }
  auto const said = parts[0].caught(parts[0].refuse, none);
  check(said.find("image|80 x 60 pixels of 3 bytes|7 bytes|image: expected ") == 0, "what is refused: " + said);
  for (auto const& thrower : parts)
    for (auto const& catcher : parts)
      check(catcher.caught(thrower.refuse, none) == said, catcher.name + " catches what " + thrower.name + " throws");

#if defined(WITH_VECTORS)  // x86
  float in[16];
  for (int i = 0; i < 16; ++i) in[i] = static_cast<float>(i + 1);
  std::vector<builds::vectors> all{builds::sse2(in), builds::asserting(in)};
  if (__builtin_cpu_supports("avx")) all.push_back(builds::avx(in));
  names.clear();
  for (auto const& v : all) {
    names.insert(v.name);
    std::printf("%s: vectors of %d\n", v.name.c_str(), v.lanes);
    for (int i = 0; i < v.lanes; ++i) check(v.out[i] == in[i], v.name + " copies element " + std::to_string(i));
  }
  check(names.size() == all.size(), "flags and assertions are in a build's name");
#endif
  return failures ? 1 : 0;
}
