// convert_data --data ROOT[:SPLIT] --to FILE.json [--overwrite]   VOC layout to COCO's JSON, which names the images where they are
// convert_data --data FILE.json[:IMAGES] --to ROOT [--as SPLIT]   COCO to a new folder in VOC layout, with copies of the images
//
// The data is checked as train_voc checks it, and what is written is what training would see: boxes clipped to their images, every object
// that is used. Either form trains to the same bytes under the same --difficult (its default is the layout's) and --classes (a folder's are
// in order of name, a file's in order of id); where one of them, or --exif, has to be said, it is. VOC has no crowds, areas and outlines: a
// crowd becomes a difficult object, and one that VOC calls difficult has "ignore", which COCO's numbers do not heed. COCO to COCO is refused:
// outlines are not kept, and ids, areas and crowds would be lost.
#include "console/coco_data.hpp"
#include "console/data_options.hpp"
#include "console/options.hpp"
#include "console/outputs.hpp"

#include <frcnn/data/common_folder.hpp>
#include <frcnn/data/voc_writer.hpp>

#include <algorithm>
#include <filesystem>
#include <vector>

using namespace frcnn;
namespace fs = std::filesystem;

// --classes as a shell takes it; a name with a comma can stand in a file alone.
static std::string option_of(std::vector<std::string> const& classes) {
  std::string const names = fmt::format("{}", fmt::join(classes, ","));
  if (std::ranges::any_of(classes, [](auto const& name) { return name.find_first_of(",'\n") != name.npos; }))
    return fmt::format("--classes FILE, with a name on each line in the order {},",
                       data::first_of(classes, classes.size(), [](auto const& name) { return excerpt(name, 255); }));
  bool const is_plain = names.find_first_of(" \t\"\\$`&|;<>()*?[]{}~#!") == names.npos;
  return "--classes " + (is_plain ? names : "'" + names + "'");
}

// What the copy has to be read with, to be the same data.
static void say_how_to_read(data::dataset const& set, bool to_json) {
  std::size_t objects = 0, difficult = 0, turned = 0;
  std::vector<bool> is_used(set.classes.size() + 1);
  for (auto const& s : set.samples) {
    objects += s.objects.size();
    for (auto const& o : s.objects) is_used[static_cast<std::size_t>(o.label)] = true;
    difficult += static_cast<std::size_t>(std::ranges::count_if(s.objects, [](auto const& o) { return o.difficult; }));
    turned += s.orientation > 4 ? s.width == s.height : s.orientation > 1;
  }
  if (difficult)
    console::say(fmt::format("{} of {} objects are {}: training ignores those of COCO's layout and drops those of VOC's (--difficult)",
                             difficult, objects,
                             to_json ? "difficult, and have ignore in the file" : "crowds or ignored, and are marked difficult"));
  if (difficult && to_json)
    console::say("COCO's numbers do not heed ignore: there an object that is difficult and not found is missed, while AP50 ignores it");
  bool const all_used = std::ranges::count(is_used, true) == static_cast<std::ptrdiff_t>(set.classes.size());
  if (!to_json && (!all_used || !std::ranges::is_sorted(set.classes)))
    console::say("a folder's classes are those of its objects, in order of name: " + option_of(set.classes) + " keeps the file's");
  if (turned)
    console::say(
        fmt::format("{} of {} images were turned as their EXIF says, which their sizes do not show: read the copy with --exif apply",
                    turned, set.size()));
}

int main(int argc, char** argv) {
  CLI::App app("Turns data in VOC layout into COCO's JSON, and back");
  std::string from, to, split = "trainval";
  bool overwrite = false;
  console::data_arguments how;
  app.add_option("--data", from, "ROOT[:SPLIT] in VOC or COCO layout, or FILE.json[:IMAGES]")->required()->check(console::path());
  app.add_option("--to", to, "FILE.json: COCO; a new folder: VOC layout")->required()->check(console::path());
  app.add_option("--as", split, "what the list of images in a VOC folder is called")->capture_default_str();
  app.add_flag("--overwrite", overwrite, "replace FILE.json where it is there");
  how.add_reading_to(app);

  return console::run(app, argc, argv, [&] {
    console::catch_interrupts();
    bool const to_json = data::detail::is_json(to);
    if (to_json && app.count("--as")) throw error("--as", "a folder as --to", to);
    data::check_list_name("--as", split);
    if (!to_json && overwrite) throw error("--overwrite", "a file as --to", to);
    console::named_data const source({from}, false);
    fs::path const out = to;
    std::vector<fs::path> inputs;
    for (auto const& s : source.coco) inputs.push_back(s.file);
    if (to_json) {
      console::check_files(inputs, {out});
      if (!source.coco.empty()) throw error("--to", "a folder, since --data is COCO's already", to);
      if (!overwrite) console::check_nothing_there(out, "a file", "--overwrite replaces it");
    } else {
      io::check_new_folder(out);
      console::check_folder("--to " + to, fs::absolute(out.has_filename() ? out : out.parent_path()).parent_path());
    }
    auto const set = source.read(how.options("data", 0));
    if (!to_json) {
      data::write_voc(out, split, set, [show = console::progress(), n = set.size()](std::size_t done) mutable {
        show(fmt::format("{} of {} images copied", done, n), done == n);
        console::stop_between(done, n);
      });
      console::say(fmt::format("{} images, {} classes in {}:{}", set.size(), set.classes.size(), to, split));
      say_how_to_read(set, false);
      return 0;
    }
    if (!set.annotated()) throw error(from, "annotated images", "some that nobody has annotated");
    for (auto const& s : set.samples) inputs.push_back(s.image);
    console::check_outputs(inputs, {out});
    console::check_spares_data(out, source.voc);
    auto const images = data::common_folder(set);
    if (!overwrite) console::check_nothing_there(out, "a file", "--overwrite replaces it");  // made in the meantime
    io::write_coco_instances(out, data::coco_of(set, images));
    console::say(
        fmt::format("{} images, {} classes in {}; its images: --data {}:{}", set.size(), set.classes.size(), to, to, images.string()));
    say_how_to_read(set, true);
    return 0;
  });
}
