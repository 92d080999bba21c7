#pragma once
// Images in memory with their truth: what a program that makes or receives its images trains on. Models DataSource.
//
//   memory_source set({"screw", "nut"});
//   set.add(std::move(im), {{.where = {12, 30, 80, 99}, .label = 1}});    // takes an image
//   set.add(view, {{.where = {5, 5, 40, 20}, .name = "nut"}}, id);        // somebody's pixels, which outlive the set
//   data_feed<Rules, memory_source> feed(set, {.short_side = 300, .batch = 2});
//
// An object is named by its label, by its class, or by both. The id, which the random draws go by, is the place in the set unless it is
// given. add() throws error for what is no image, for boxes that are not finite, have no area or lie outside of the image, for classes and
// labels that are none, and for an id that is there already; the set is then as before.
#include "frcnn/core/message.hpp"
#include "frcnn/data/dataset.hpp"

#include <unordered_map>

FRCNN_HIDDEN_BEGIN
namespace frcnn::inline FRCNN_ABI::data {

class memory_source {
 public:
  explicit memory_source(std::vector<std::string> classes) : classes_(std::move(classes)) {
    if (classes_.empty()) throw error("images in memory", "names of classes", "none");
  }

  void add(image pixels, std::vector<object> objects = {}) { take({std::move(pixels), {}, std::move(objects), size()}); }
  void add(image pixels, std::vector<object> objects, std::uint64_t id) { take({std::move(pixels), {}, std::move(objects), id}); }
  void add(image_view pixels, std::vector<object> objects = {}) { take({{}, pixels, std::move(objects), size()}); }
  void add(image_view pixels, std::vector<object> objects, std::uint64_t id) { take({{}, pixels, std::move(objects), id}); }

  std::vector<std::string> const& classes() const { return classes_; }

  std::size_t size() const { return entries_.size(); }
  image_view pixels(std::size_t i) const { return entries_[i].view(); }
  image_truth truth(std::size_t i) const {
    auto const& e = entries_[i];
    return {e.view().width, e.view().height, e.objects};
  }
  std::uint64_t id(std::size_t i) const { return entries_[i].id; }
  std::string name(std::size_t i) const { return name_of(i, id(i)); }

 private:
  struct entry {
    image own;
    image_view others;  // where `own` is empty
    std::vector<object> objects;
    std::uint64_t id;
    image_view view() const { return own.pixels.empty() ? others : image_view(own); }
  };

  static std::string name_of(std::size_t i, std::uint64_t id) {
    return "image " + std::to_string(i) + (id == i ? "" : " (id " + std::to_string(id) + ")");
  }

  void take(entry e) {
    std::string const name = name_of(size(), e.id);
    try {
      if (e.own.pixels.empty()) check(e.others);
      else check(e.own);
    } catch (error const& fault) {
      throw fault.in(name);
    }
    for (object& o : e.objects) settle(o, e.view(), name + ", object " + std::to_string(&o - e.objects.data()));
    if (auto const other = places_.find(e.id); other != places_.end())
      throw error(name, "an id of its own", "that of image " + std::to_string(other->second));
    if (entries_.size() == entries_.capacity()) entries_.reserve(2 * size() + 8);  // nothing throws once the id is noted
    places_.emplace(e.id, size());
    entries_.push_back(std::move(e));
  }

  // Gives an object the label or the name that it lacks. Throws where it is none of this image.
  void settle(object& o, image_view const& on, std::string const& which) const {
    if (o.label == 0 && !o.name.empty()) {
      auto const found = std::find(classes_.begin(), classes_.end(), o.name);
      if (found == classes_.end()) throw error(which, "one of the classes", excerpt(o.name));
      o.label = static_cast<std::int32_t>(found - classes_.begin()) + 1;
    }
    if (o.label < 1 || static_cast<std::size_t>(o.label) > classes_.size())
      throw error(which, "a label from 1 to " + std::to_string(classes_.size()), std::to_string(o.label));
    auto const& of_label = classes_[static_cast<std::size_t>(o.label) - 1];
    if (o.name.empty()) o.name = of_label;
    if (o.name != of_label) throw error(which, excerpt(of_label) + ", the class of label " + std::to_string(o.label), excerpt(o.name));
    auto const inside = [](float low, float high, int side) { return 0 <= low && low < high && high <= static_cast<float>(side); };
    auto const& b = o.where;
    if (!inside(b.x1, b.x2, on.width) || !inside(b.y1, b.y2, on.height))
      throw error(which, "a box with an area inside of " + std::to_string(on.width) + " x " + std::to_string(on.height) + " pixels",
                  to_string(b));
  }

  std::vector<std::string> classes_;
  std::vector<entry> entries_;
  std::unordered_map<std::uint64_t, std::size_t> places_;  // of ids
};

static_assert(DataSource<memory_source>);

}  // namespace frcnn::inline FRCNN_ABI::data
FRCNN_HIDDEN_END
