// convert --model FILE --out FILE [--map-classes voc|A,B,..] [--preset NAME ..: model_options.hpp]
//
// A trained detector from one kind of file into another, told by the end of --out's name: .safetensors, a model file of this library, or
// .pth, a state dict that PyTorch reads (torch.load with weights_only, load_state_dict of torchvision's FasterRCNN where --model is of a preset
// with its convention). Equal weights give equal bytes, however they were stored. With --map-classes a detector of some of the classes, by
// VOC's or COCO's names of them (frcnn/detector/shared_classes.hpp).
#include "console/console.hpp"
#include "console/model_types.hpp"
#include "console/options.hpp"
#include "console/outputs.hpp"

#include <frcnn/detector/class_names.hpp>
#include <frcnn/detector/shared_classes.hpp>

#include <optional>

namespace fs = std::filesystem;

int main(int argc, char** argv) {
  CLI::App app("A detector's file into one of another kind");
  console::model_arguments model;
  std::string out, wanted;
  model.add_to(app)->required();
  app.add_option("--out", out, "file to write: .safetensors or .pth")->required()->check(console::path());
  app.add_option(
         "--map-classes", wanted,
         "voc, or A,B,.. or a file with one per line: keep these classes alone, in this order; softmax is over them and the background")
      ->check(console::path());

  return console::run(app, argc, argv, [&] {
    console::catch_interrupts();
    auto const kind = frcnn::data::lower(fs::path(out).extension().string());
    if (kind != ".safetensors" && kind != ".pth" && kind != ".pt")
      throw frcnn::error("--out " + out, "a name that ends with .safetensors or .pth", kind.empty() ? "none" : kind);
    console::check_files({model.file}, {out});
    console::check_replaces(out, console::output::model);
    auto const classes = wanted.empty()    ? std::vector<std::string>()
                         : wanted == "voc" ? frcnn::voc_classes()
                                           : frcnn::data::parse_class_list(wanted);
    console::compute_arguments compute;
    compute.threads = 1;
    return console::with_model(model, compute, [&]<class Family>(frcnn::detector<Family> const& all) {
      std::optional<frcnn::detector<Family>> some;
      if (!classes.empty()) some.emplace(frcnn::with_classes(all, classes, compute.of<typename Family::device>()));
      auto const& d = some ? *some : all;
      console::stop_if_interrupted();
      if (kind == ".safetensors") frcnn::save(d, out);
      else frcnn::save_pth(d, out);
      std::size_t numbers = 0;
      for (auto const& e : d.model().parameters().entries()) numbers += e.p->size();
      fmt::print("{}: preset {}, {} {}, {:.2f} million weights\n", out, d.config().preset, d.classes().size(),
                 d.classes().size() == 1 ? "class" : "classes", 1e-6 * static_cast<double>(numbers));
      return 0;
    });
  });
}
